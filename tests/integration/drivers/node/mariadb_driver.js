// mariadb (the connector): query() is text, execute() and batch() prepare on the server; batch() sends its rows in bulk or pipelined.
'use strict';
const mariadb = require('mariadb');
const { settings, sharded, tls, ssl, values, statements, run, same, fails, manyRows, big, done } = require('./common.js');

const options = { ...settings, ssl, charset: 'utf8mb4', dateStrings: true, bigIntAsNumber: false, decimalAsNumber: false, insertIdAsNumber: true,
                  allowPublicKeyRetrieval: true, bitOneIsBoolean: false, jsonStrings: true, checkNumberRange: false };

async function withConnection(work, more = {}) {
    const c = await mariadb.createConnection({ ...options, ...more });
    c.on('error', () => {});
    try {
        await work(c);
    } finally {
        c.destroy();
    }
}

const each = (name, work, more) => run(name, () => withConnection(work, more));

async function value(c, sql, params) {
    const rows = await c.query(sql, params);
    const got = rows.length ? Object.values(rows[0])[0] : undefined;
    return typeof got === 'bigint' ? Number(got) : got;
}

const plain = (rows) => rows.map((r) => Object.fromEntries(Object.entries(r).map(([k, v]) => [k, typeof v === 'bigint' ? String(v) : v])));

async function crud(c, how) {
    const { insertId } = await c[how]('INSERT INTO items (title, points) VALUES (?, ?)', ["it's \\ 100%", 5]);
    same((await c[how]('UPDATE items SET points = points + ? WHERE id = ?', [2, insertId])).affectedRows, 1);
    same(plain(await c[how]('SELECT title, points FROM items WHERE id = ?', [insertId])), [{ title: "it's \\ 100%", points: 7 }]);
    same((await c[how]('DELETE FROM items WHERE id = ?', [insertId])).affectedRows, 1);
}

async function types(c, how) {
    const names = Object.keys(values);
    await c.query('DELETE FROM things');
    const insert = `INSERT INTO things (id, ${names}) VALUES (?${', ?'.repeat(names.length)})`;
    for (let id = 0; id < 8; id++) await c[how](insert, [id, ...Object.values(values)]);
    await c[how]('INSERT INTO things (id) VALUES (?)', [8]);
    const [row] = plain(await c[how](`SELECT ${names} FROM things WHERE id = ?`, [5]));
    for (const name of names) same(row[name], values[name], name);
    for (const merged of plain(await c[how](`SELECT ${names} FROM things WHERE id < ? ORDER BY id`, [8]))) same(merged, row);
    const [nulls] = await c[how](`SELECT ${names} FROM things WHERE id = ?`, [8]);
    for (const name of names) same(nulls[name], null, name);
}

async function errors(c, how) {
    const first = await c.query("INSERT INTO items (title) VALUES ('first')");
    await fails(1062, '23000', () => c[how]('INSERT INTO items (id, title) VALUES (?, ?)', [first.insertId, 'again']));
    await fails(1146, '42S02', () => c[how]('SELECT * FROM not_there WHERE id = ?', [1]));
    await fails(1064, '42000', () => c[how]('SELEC ?', [1]));
    same(await value(c, 'SELECT 1'), 1);
}

async function bigRow(c, how, size) {
    const body = big(size);
    await c[how]('REPLACE INTO big (id, body) VALUES (?, ?)', [1, body]);
    const [row] = await c[how]('SELECT body FROM big WHERE id = ?', [1]);
    if (!body.equals(row.body)) throw new Error(`${row.body.length} of ${size} bytes, or others`);
}

async function main() {
    await each('connect', async (c) => {
        same(await value(c, 'SELECT DATABASE()'), settings.database);
        same(await value(c, 'SELECT CONNECTION_ID()'), Number(c.threadId));
        await c.ping();
    });
    if (tls) await each('tls', async (c) => same(Boolean((await c.query("SHOW STATUS LIKE 'Ssl_cipher'"))[0].Value), true));
    await each('ddl', async (c) => {
        for (const sql of statements()) await c.query(sql);
        await c.query('ALTER TABLE items ADD COLUMN note VARCHAR(20) NULL');
        same((await c.query('SHOW COLUMNS FROM items')).map((r) => r.Field), ['id', 'title', 'points', 'note']);
        await c.query('ALTER TABLE items DROP COLUMN note');
    });
    await each('generated_id', async (c) => {
        const one = await c.query('INSERT INTO items (title) VALUES (?)', ['one']);
        same(await value(c, 'SELECT LAST_INSERT_ID()'), one.insertId);
        const two = await c.execute('INSERT INTO items (title) VALUES (?)', ['two']);
        same(await value(c, 'SELECT title FROM items WHERE id = ?', [two.insertId]), 'two');
    });
    for (const how of ['query', 'execute']) {
        await each(`crud_${how}`, (c) => crud(c, how));
        await each(`types_${how}`, (c) => types(c, how));
        await each(`error_${how}`, (c) => errors(c, how));
        await each(`big_1m_${how}`, (c) => bigRow(c, how, 1 << 20));
        await each(`big_20m_${how}`, (c) => bigRow(c, how, 20 << 20));
    }
    await each('compression', (c) => bigRow(c, 'query', 3 << 20), { compress: true });
    await each('transaction', (c) => withConnection(async (other) => {
        await c.query('DELETE FROM items');
        for (const [end, left] of [['rollback', 0], ['commit', 4]]) {
            await c.beginTransaction();
            for (let i = 0; i < 4; i++) await c.execute('INSERT INTO items (title, points) VALUES (?, ?)', [`t${i}`, i]);
            same([await value(c, 'SELECT COUNT(*) FROM items'), await value(other, 'SELECT COUNT(*) FROM items')], [4, 0]);
            await c[end]();
            same(await value(other, 'SELECT COUNT(*) FROM items'), left);
        }
    }));
    await each('batch', async (c) => {
        await c.query('DELETE FROM items');
        const done = await c.batch('INSERT INTO items (title, points) VALUES (?, ?)', Array.from({ length: 100 }, (_, i) => [`b${i}`, i]));
        // One answer in bulk, one for each row from a server that does not announce bulk operations.
        same([].concat(done).reduce((n, ok) => n + ok.affectedRows, 0), 100);
        same(Number(await value(c, 'SELECT SUM(points) FROM items')), 4950);
    });
    await each('stream', async (c) => {
        for (const sql of manyRows()) await c.query(sql);
        let n = 0;
        for await (const row of c.queryStream('SELECT id, word FROM many ORDER BY id')) {
            same([row.id, row.word], [n, `word ${n}`]);
            n++;
        }
        same(n, 10000);
    });
    await each('prepare', async (c) => {
        const statement = await c.prepare('SELECT id FROM many WHERE id < ? ORDER BY id');
        for (const n of [10, 20]) same((await statement.execute([n])).length, n);
        let n = 0;
        for await (const row of statement.executeStream([3000])) same(row.id, n++);
        same(n, 3000);
        statement.close();
        same(await value(c, 'SELECT 1'), 1);
    });
    await each('pipelining', async (c) => {
        const found = await Promise.all(Array.from({ length: 60 }, (_, i) => c.query('SELECT word FROM many WHERE id = ?', [i])));
        same(found.map((rows) => rows[0].word), Array.from({ length: 60 }, (_, i) => `word ${i}`));
    }, { pipelining: true });
    await each('multi_statements', async (c) => {
        const found = await c.query("SELECT 1 AS a; DELETE FROM items WHERE id = -1; SELECT 'end' AS b");
        same([found.length, Number(found[0][0].a), found[1].affectedRows, found[2][0].b], [3, 1, 0, 'end']);
    }, { multipleStatements: true });
    if (!sharded) await each('procedure', async (c) => {
        await c.query('DROP PROCEDURE IF EXISTS two');
        await c.query('CREATE PROCEDURE two(IN n INT) BEGIN SELECT n AS a; SELECT n + 1 AS b UNION SELECT n + 2; END');
        for (const how of ['query', 'execute']) {
            const found = await c[how]('CALL two(?)', [5]);
            same([found.length, Number(found[0][0].a), found[1].map((r) => Number(r.b))], [3, 5, [6, 7]]);
        }
    });
    await each('change_user', async (c) => {
        await c.query('SET @mine = 5');
        await c.changeUser({ user: settings.user, password: settings.password, database: settings.database });
        same([await value(c, 'SELECT @mine'), await value(c, 'SELECT DATABASE()')], [null, settings.database]);
    });
    await each('reset_connection', async (c) => {
        await c.query('SET @mine = 5');
        await c.reset();
        same([await value(c, 'SELECT @mine'), await value(c, 'SELECT DATABASE()')], [null, settings.database]);
    });
    await run('reconnect', async () => {
        const pool = mariadb.createPool({ ...options, connectionLimit: 1 });
        const c = await pool.getConnection();
        const before = c.threadId;
        await withConnection((other) => other.query(`KILL ${before}`));
        await c.query('SELECT 1').then(() => { throw new Error('the killed connection answers'); }, () => {});
        await c.release();
        same(await value(pool, 'SELECT DATABASE()'), settings.database);
        await pool.end();
    });
    await run('pool', async () => {
        const pool = mariadb.createPool({ ...options, connectionLimit: 3, resetAfterUse: true });
        const found = await Promise.all(Array.from({ length: 30 }, (_, i) => pool.execute('SELECT word FROM many WHERE id = ?', [i])));
        same(found.map((rows) => rows[0].word), Array.from({ length: 30 }, (_, i) => `word ${i}`));
        await pool.end();
    });
    done();
}

main();
