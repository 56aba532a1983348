"""psycopg 3, on libpq: the token comes with the write, as a parameter.

    python3 token_psycopg.py URL OTHER_URL
"""

import sys

import psycopg

URL, OTHER = sys.argv[1:3]

with psycopg.connect(URL, options="-c afterwrite.report_token=on", autocommit=True) as conn:
    told = lambda: conn.info.parameter_status("afterwrite.token")
    assert told() == "", told()
    seen = set()
    for n in range(20):
        conn.execute("INSERT INTO carried VALUES (%s)", (n,))
        seen.add(told())
        with psycopg.connect(OTHER, autocommit=True) as other:
            other.execute(f"SET afterwrite.token = '{told()}'")
            row = other.execute("SELECT count(*) FROM carried WHERE n = %s", (n,)).fetchone()
            assert row == (1,), (n, row)
    assert len(seen) == 20 and "" not in seen, seen
    before = told()
    with conn.transaction():
        conn.execute("INSERT INTO carried VALUES (100)")
        assert told() == before
    assert told() not in ("", before)
    before = told()
    with conn.cursor().copy("COPY carried FROM STDIN") as copy:
        copy.write("101\n")
    assert told() not in ("", before)
    before = told()
    with conn.pipeline():
        for n in range(102, 105):
            conn.execute("INSERT INTO carried VALUES (%s)", (n,))
    assert told() not in ("", before)
    assert conn.execute("SHOW afterwrite.token").fetchone()[0] == told()
    conn.execute("DELETE FROM carried")
print("all done")
