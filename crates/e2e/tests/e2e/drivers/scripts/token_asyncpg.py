"""asyncpg: the token comes with the write, as a setting that the server reports.

    python3 token_asyncpg.py URL OTHER_URL
"""

import asyncio
import sys

import asyncpg

URL, OTHER = sys.argv[1:3]


def told(conn):
    return getattr(conn.get_settings(), "afterwrite.token")


async def main():
    settings = {"afterwrite.report_token": "on"}
    conn = await asyncpg.connect(URL, ssl=False, server_settings=settings)
    other = await asyncpg.connect(OTHER, ssl=False)
    before = told(conn)
    assert before == ""
    for n in range(20):
        await conn.execute("INSERT INTO carried VALUES ($1)", n)
        assert told(conn) not in ("", before), n
        before = told(conn)
        await other.execute(f"SET afterwrite.token = '{before}'")
        assert await other.fetchval("SELECT count(*) FROM carried WHERE n = $1", n) == 1
    async with conn.transaction():
        await conn.execute("DELETE FROM carried")
        assert told(conn) == before
    assert told(conn) not in ("", before)
    await conn.close()
    await other.close()


asyncio.run(main())
print("all done")
