// node-postgres: everything in one event loop, queries queued or pipelined.
//
//     node test_node_postgres.js URL [AUTHORITY STRANGER]
//
// AUTHORITY is the certificate that signed the server's: with it, every connection is
// encrypted and verified. STRANGER has signed nothing.
'use strict'

const assert = require('assert')
const fs = require('fs')
const { pipeline: flow } = require('stream/promises')
const { Readable, Writable } = require('stream')
const { setTimeout: sleep } = require('timers/promises')
const { Client, Pool } = require('pg')
const Cursor = require('pg-cursor')
const copy = require('pg-copy-streams')

const [url, authority, stranger] = process.argv.slice(2)

const tls = (file) => (file ? { ca: fs.readFileSync(file), rejectUnauthorized: true } : false)

const to = (more = {}) => {
  const { password, database, ...rest } = more
  const parts = new URL(url)
  if (password) parts.password = password
  if (database) parts.pathname = database
  return {
    connectionString: parts.href,
    ssl: tls(authority),
    connectionTimeoutMillis: 10000,
    ...rest,
  }
}

const failed = []

async function check(name, work) {
  const begin = Date.now()
  const clients = []
  const connect = async (more) => {
    const client = new Client(to(more))
    client.on('error', () => {})
    await client.connect()
    clients.push(client)
    return client
  }
  try {
    await work(connect)
    console.log(`ok      ${name} (${((Date.now() - begin) / 1000).toFixed(1)} s)`)
  } catch (error) {
    failed.push(name)
    console.log(`FAILED  ${name}\n${error.stack}`)
  }
  await Promise.all(clients.map((client) => client.end()))
}

// The error of a promise, with this code; none is one.
async function refused(promise, code) {
  const error = await promise.then(() => null, (error) => error)
  assert.ok(error, `no error, expected ${code}`)
  assert.strictEqual(error.code, code, error.stack)
  return error
}

const value = async (client, ...query) => Object.values((await client.query(...query)).rows[0])[0]

async function main() {
  await check('prepare', async (connect) => {
    const client = await connect()
    await client.query(`
      DROP TABLE IF EXISTS nd_item, nd;
      CREATE TABLE nd (id int PRIMARY KEY, name text);
      CREATE TABLE nd_item (id int PRIMARY KEY, nd int NOT NULL REFERENCES nd (id),
                            amount int CONSTRAINT positive CHECK (amount > 0))`)
  })

  await check('refused', async (connect) => {
    const error = await refused(connect({ password: 'wrong' }), '28P01')
    assert.match(error.message, /password authentication failed/)
    assert.match((await refused(connect({ database: 'nowhere' }), '3D000')).message, /nowhere/)
  })

  await check('encrypted', async (connect) => {
    if (!authority) return
    const client = await connect()
    assert.ok(client.connection.stream.encrypted && client.connection.stream.authorized)
    await refused(connect({ ssl: tls(stranger) }), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE')
  })

  await check('own writes', async (connect) => {
    const client = await connect()
    for (let n = 0; n < 50; n++) {
      await client.query('INSERT INTO nd VALUES ($1, $2)', [n, `n${n}`])
      assert.strictEqual(await value(client, 'SELECT name FROM nd WHERE id = $1', [n]), `n${n}`)
    }
  })

  await check('prepared', async (connect) => {
    const clients = [await connect(), await connect(), await connect(), await connect()]
    // One name, another text at each client.
    const ask = (number, n) =>
      value(clients[number], {
        name: 'ask',
        text: `SELECT ${number} * 1000 + $1::int`,
        values: [n],
      })
    for (let n = 0; n < 10; n++) {
      for (const [number, client] of clients.entries()) {
        await client.query(n % 2 ? 'BEGIN' : 'BEGIN READ ONLY')
        assert.strictEqual(await ask(number, n), number * 1000 + n)
        await client.query('COMMIT')
        assert.strictEqual(await ask(number, n), number * 1000 + n)
      }
    }
    for (let n = 0; n < 250; n++) {
      const many = { name: `many${n}`, text: `SELECT ${n} + $1::int`, values: [1] }
      assert.strictEqual(await value(clients[0], many), n + 1)
    }
    // Again: the first of them have long been displaced.
    for (let n = 0; n < 250; n += 50) {
      const many = { name: `many${n}`, text: `SELECT ${n} + $1::int`, values: [2] }
      assert.strictEqual(await value(clients[0], many), n + 2)
    }
    // Another client's DEALLOCATE drops its own alone.
    await clients[1].query('DEALLOCATE ALL')
    assert.strictEqual(await ask(2, 7), 2007)
    await refused(ask(1, 7), '26000')
  })

  await check('transactions', async (connect) => {
    const client = await connect()
    const count = 'SELECT count(*)::int FROM nd WHERE id BETWEEN 1000 AND 1999'
    await client.query('BEGIN')
    await client.query("INSERT INTO nd VALUES (1000, 'a')")
    assert.strictEqual(await value(client, count), 1)
    await client.query('SAVEPOINT one')
    await refused(client.query("INSERT INTO nd VALUES (1000, 'b')"), '23505')
    await refused(client.query(count), '25P02')
    await client.query('ROLLBACK TO one')
    await client.query('INSERT INTO nd VALUES ($1, $2)', [1001, 'a'])
    await client.query('COMMIT')
    assert.strictEqual(await value(client, count), 2)
    await client.query('BEGIN')
    await client.query('DELETE FROM nd WHERE id >= 1000')
    await client.query('ROLLBACK')
    assert.strictEqual(await value(client, count), 2)
    for (const level of ['serializable', 'repeatable read', 'read committed']) {
      await client.query(`BEGIN ISOLATION LEVEL ${level}`)
      assert.strictEqual(await value(client, 'SHOW transaction_isolation'), level)
      assert.strictEqual(await value(client, count), 2)
      await client.query('COMMIT')
    }
    await client.query('BEGIN READ ONLY')
    assert.strictEqual(await value(client, count), 2)
    await refused(client.query('DELETE FROM nd'), '25006')
    await client.query('ROLLBACK')
    // COMMIT of what has failed is a ROLLBACK.
    await client.query('BEGIN')
    await refused(client.query('SELECT 1/0'), '22012')
    assert.strictEqual((await client.query('COMMIT')).command, 'ROLLBACK')
  })

  await check('copy', async (connect) => {
    const client = await connect()
    const lines = Array.from({ length: 20000 }, (_, n) => `${10000 + n}\tc${n}\n`)
    await flow(Readable.from(lines), client.query(copy.from('COPY nd FROM STDIN')))
    const count = 'SELECT count(*)::int FROM nd WHERE id >= 10000'
    assert.strictEqual(await value(client, count), 20000)
    const chunks = []
    const sink = new Writable({ write: (chunk, _, next) => (chunks.push(chunk), next()) })
    const out = copy.to('COPY (SELECT * FROM nd WHERE id >= 10000 ORDER BY id) TO STDOUT')
    await flow(client.query(out), sink)
    assert.strictEqual(Buffer.concat(chunks).toString(), lines.join(''))
    for (const [bad, code] of [['nonsense\n', '22P02'], ['90000\tx\n0\tx\n', '23505']]) {
      const into = client.query(copy.from('COPY nd FROM STDIN'))
      await refused(flow(Readable.from([bad]), into), code)
      assert.strictEqual(await value(client, count), 20000)
    }
    // Without a stream node-postgres answers the server with CopyFail.
    await refused(client.query('COPY nd FROM STDIN'), '57014')
    await refused(flow(client.query(copy.to('COPY nothing TO STDOUT')), sink), '42P01')
    await client.query('DELETE FROM nd WHERE id >= 10000')
    assert.strictEqual(await value(client, count), 0)
  })

  await check('cancel', async (connect) => {
    const client = await connect()
    for (const sql of ['SELECT pg_sleep(20)', "SELECT count(*) FROM nd, pg_sleep(20)"]) {
      const begin = Date.now()
      const query = client.query(new (require('pg').Query)(sql))
      const ended = new Promise((resolve, reject) => query.on('end', resolve).on('error', reject))
      await sleep(300)
      // Sent in clear, as libpq did before version 17: its key is all it can show.
      new Client(to({ ssl: false })).cancel(client, query)
      await refused(ended, '57014')
      assert.ok(Date.now() - begin < 5000)
      assert.strictEqual(await value(client, 'SELECT 1'), 1)
    }
    const limited = await connect({ statement_timeout: 200 })
    await refused(limited.query('SELECT pg_sleep(20)'), '57014')
    assert.strictEqual(await value(limited, 'SELECT 1'), 1)
  })

  await check('errors', async (connect) => {
    const client = await connect()
    let error = await refused(client.query("INSERT INTO nd VALUES ($1, 'again')", [0]), '23505')
    assert.strictEqual(error.severity, 'ERROR')
    assert.strictEqual(error.detail, 'Key (id)=(0) already exists.')
    assert.deepStrictEqual([error.schema, error.table], ['public', 'nd'])
    assert.strictEqual(error.constraint, 'nd_pkey')
    assert.ok(error.file && error.line && error.routine)
    error = await refused(client.query('INSERT INTO nd_item VALUES (1, 0, -1)'), '23514')
    assert.strictEqual(error.constraint, 'positive')
    error = await refused(client.query('INSERT INTO nd_item VALUES (1, -7, 1)'), '23503')
    assert.match(error.detail, /\(nd\)=\(-7\)/)
    error = await refused(client.query('INSERT INTO nd_item VALUES (1, NULL, 1)'), '23502')
    assert.strictEqual(error.column, 'nd')
    for (const values of [undefined, []]) {
      error = await refused(client.query('SELECT 1 FRM nd', values), '42601')
      assert.strictEqual(error.position, '14')
    }
    error = await refused(client.query('SELECT nam FROM nd'), '42703')
    assert.match(error.hint, /nd\.name/)
    await refused(client.query('SELECT 1 / $1::int', [0]), '22012')
    await refused(client.query('SELECT $1::int', ['x']), '22P02')
    assert.strictEqual(await value(client, 'SELECT 1'), 1)
  })

  for (const pipeline of [false, true]) {
    await check(`queue, pipeline ${pipeline}`, async (connect) => {
      const client = await connect({ pipeline })
      const answers = await Promise.all(
        Array.from({ length: 200 }, (_, n) => value(client, 'SELECT $1::int', [n]))
      )
      assert.deepStrictEqual(answers, Array.from({ length: 200 }, (_, n) => n))
      // A read behind each write, nothing awaited between them.
      const both = []
      for (let n = 0; n < 50; n++) {
        client.query("INSERT INTO nd VALUES ($1, 'q')", [2000 + n]).catch(() => {})
        both.push(value(client, "SELECT count(*)::int FROM nd WHERE name = 'q'"))
      }
      assert.deepStrictEqual(await Promise.all(both), Array.from({ length: 50 }, (_, n) => n + 1))
      // An error fails its own query alone.
      const mixed = await Promise.allSettled(
        [1, 0, 2].map((by) =>
          value(client, { name: 'by', text: 'SELECT 100 / $1::int', values: [by] })
        )
      )
      assert.deepStrictEqual(mixed.map((one) => one.value), [100, undefined, 50])
      assert.strictEqual(mixed[1].reason.code, '22012')
      const transaction = [
        'BEGIN',
        "INSERT INTO nd VALUES (2100, 'q')",
        'SAVEPOINT a',
        "DELETE FROM nd WHERE name = 'q'",
        'ROLLBACK TO a',
        'COMMIT',
        "DELETE FROM nd WHERE name = 'q'",
      ]
      const done = await Promise.all(transaction.map((sql) => client.query(sql)))
      assert.strictEqual(done.at(-1).rowCount, 51)
    })
  }

  await check('values', async (connect) => {
    const client = await connect()
    const texts = [
      '',
      "it's",
      'back\\slash \\n',
      '$1 ? :name % %s',
      'tab\tnewline\nreturn\r',
      'é ß Ω ж 中文 עברית',
      '\u{1f418} e\u0301',
      'NULL',
      'äöü€'.repeat(100000),
    ]
    for (const text of texts) {
      assert.strictEqual(await value(client, 'SELECT $1::text', [text]), text)
      assert.strictEqual(await value(client, `SELECT ${client.escapeLiteral(text)}`), text)
    }
    const bytes = Buffer.alloc(1 << 20, Buffer.from(Array.from({ length: 256 }, (_, n) => n)))
    assert.ok(bytes.equals(await value(client, 'SELECT $1::bytea', [bytes])))
    await client.query('DROP TABLE IF EXISTS nd_large; CREATE TABLE nd_large (t text, b bytea)')
    await client.query('INSERT INTO nd_large VALUES ($1, $2)', [texts.at(-1), bytes])
    const { rows } = await client.query('SELECT t, b FROM nd_large')
    assert.ok(rows[0].t === texts.at(-1) && bytes.equals(rows[0].b))
    for (const [type, given] of [
      ['int8', '9223372036854775807'],
      ['numeric', '1234567890.0123456789'],
      ['float8', 0.1],
      ['bool', true],
      ['timestamptz', new Date('2024-02-29T12:00:00Z')],
      ['jsonb', { a: [1, null, 'é'] }],
      ['int[]', [1, null, 3]],
      ['text[]', ['a,b', 'c"d', null]],
      ['uuid', '00000000-0000-0000-0000-000000000001'],
      ['text', null],
    ]) {
      const got = await value(client, `SELECT $1::${type}`, [given])
      assert.deepStrictEqual(got, given, type)
      const binary = { text: 'SELECT $1::int4 AS a', values: [7], binary: true }
      assert.strictEqual(await value(client, binary), 7)
    }
    const several = await client.query('SELECT 1 AS a; SELECT 2 AS b, 3 AS c; SELECT WHERE false')
    assert.deepStrictEqual(several.map((one) => one.rows), [[{ a: 1 }], [{ b: 2, c: 3 }], []])
  })

  await check('notifications', async (connect) => {
    const [listener, other] = [await connect(), await connect()]
    const heard = []
    let wake = () => {}
    listener.on('notification', ({ channel, payload }) => (heard.push([channel, payload]), wake()))
    await listener.query('LISTEN nd_channel')
    for (let n = 0; n < 5; n++) {
      const next = new Promise((resolve) => (wake = resolve))
      await other.query('SELECT pg_notify($1, $2)', ['nd_channel', `é${n}`])
      await Promise.race([next, sleep(5000)])
      assert.deepStrictEqual(heard.at(-1), ['nd_channel', `é${n}`])
    }
    await listener.query('UNLISTEN *')
    await other.query("NOTIFY nd_channel, 'unheard'")
    assert.strictEqual(await value(listener, 'SELECT 1'), 1)
    assert.strictEqual(heard.length, 5)
    const notices = []
    other.on('notice', (notice) => notices.push(notice.message))
    await other.query("DO $$ BEGIN RAISE NOTICE 'hello'; END $$")
    assert.deepStrictEqual(notices, ['hello'])
  })

  await check('cursors', async (connect) => {
    const client = await connect()
    for (const begin of ['', 'BEGIN', 'BEGIN READ ONLY']) {
      if (begin) await client.query(begin)
      // Portals with a row limit, each piece behind a Flush.
      const cursor = client.query(new Cursor('SELECT generate_series(1, $1::int) AS n', [1000]))
      const seen = []
      for (let rows; (rows = await cursor.read(70)).length; ) seen.push(...rows)
      assert.deepStrictEqual(seen.map((row) => row.n), Array.from({ length: 1000 }, (_, n) => n + 1))
      await cursor.close()
      // Closed half-way.
      const half = client.query(new Cursor('SELECT generate_series(1, 1000)'))
      assert.strictEqual((await half.read(10)).length, 10)
      await half.close()
      assert.strictEqual(await value(client, 'SELECT 1'), 1)
      if (begin) await client.query('COMMIT')
    }
    const bad = client.query(new Cursor('SELECT 1 / (n - 500) FROM generate_series(1, 1000) n'))
    assert.strictEqual((await bad.read(100)).length, 100)
    await refused(bad.read(500), '22012')
    assert.strictEqual(await value(client, 'SELECT 1'), 1)
  })

  await check('pool', async () => {
    const pool = new Pool({ ...to(), max: 8 })
    await Promise.all(
      Array.from({ length: 100 }, async (_, n) => {
        const client = await pool.connect()
        await client.query("INSERT INTO nd VALUES ($1, 'pool')", [3000 + n])
        const name = await value(client, 'SELECT name FROM nd WHERE id = $1', [3000 + n])
        assert.strictEqual(name, 'pool')
        client.release()
      })
    )
    await pool.end()
  })

  await check('parameters', async (connect) => {
    const client = await connect({
      application_name: 'nd',
      options: '-c timezone=Asia/Tokyo -c statement_timeout=9s',
    })
    assert.strictEqual(await value(client, 'SHOW application_name'), 'nd')
    assert.strictEqual(await value(client, 'SHOW timezone'), 'Asia/Tokyo')
    assert.strictEqual(await value(client, 'SHOW statement_timeout'), '9s')
  })
}

main().then(() => {
  console.log(failed.length ? `failed: ${failed.join(', ')}` : 'all done')
  process.exit(failed.length ? 1 : 0)
})
