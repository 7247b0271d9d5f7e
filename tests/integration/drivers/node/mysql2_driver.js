// mysql2: query() is the text protocol, execute() prepares on the server.
'use strict';
const mysql = require('mysql2/promise');
const { settings, sharded, tls, ssl, values, statements, run, same, fails, manyRows, big, done } = require('./common.js');

const options = { ...settings, ssl, charset: 'utf8mb4', supportBigNumbers: true, bigNumberStrings: true, dateStrings: true };

async function withConnection(work, more = {}) {
    const c = await mysql.createConnection({ ...options, ...more });
    c.on('error', () => {});
    try {
        await work(c);
    } finally {
        c.destroy();
    }
}

const each = (name, work, more) => run(name, () => withConnection(work, more));

async function value(c, sql, params) {
    const [rows] = await c.query({ sql, rowsAsArray: true }, params);
    const got = rows.length ? rows[0][0] : undefined;
    return /^\d+$/.test(got) ? Number(got) : got;
}

// Both ways to send a statement pass the same cases.
async function crud(c, how) {
    const [inserted] = await c[how]('INSERT INTO items (title, points) VALUES (?, ?)', ["it's \\ 100%", 5]);
    same(inserted.affectedRows, 1);
    const id = inserted.insertId;
    let [rows] = await c[how]('SELECT title, points FROM items WHERE id = ?', [id]);
    same(rows.map((r) => ({ ...r })), [{ title: "it's \\ 100%", points: 5 }]);
    const [updated] = await c[how]('UPDATE items SET points = points + ? WHERE id = ?', [2, id]);
    same(updated.affectedRows, 1);
    [rows] = await c[how]('SELECT id FROM items WHERE points = ? AND title = ? ORDER BY id LIMIT ?', [7, "it's \\ 100%", how === 'execute' ? '5' : 5]);
    same(rows.length >= 1 && rows.some((r) => String(r.id) === String(id)), true);
    const [deleted] = await c[how]('DELETE FROM items WHERE id = ?', [id]);
    same(deleted.affectedRows, 1);
    [rows] = await c[how]('SELECT title FROM items WHERE id = ?', [id]);
    same(rows, []);
}

async function types(c, how) {
    const names = Object.keys(values);
    await c.query('DELETE FROM things');
    for (let id = 0; id < 8; id++) {
        await c[how](`INSERT INTO things (id, ${names}) VALUES (?${', ?'.repeat(names.length)})`, [id, ...Object.values(values)]);
    }
    await c[how]('INSERT INTO things (id) VALUES (?)', [8]);
    const [rows] = await c[how](`SELECT ${names} FROM things WHERE id = ?`, [5]);
    for (const name of names) same(rows[0][name], values[name], name);
    const [merged] = await c[how](`SELECT ${names} FROM things WHERE id < ? ORDER BY id`, [8]);
    same(merged.length, 8);
    for (const row of merged) same({ ...row }, { ...rows[0] });
    const [nulls] = await c[how](`SELECT ${names} FROM things WHERE id = ?`, [8]);
    for (const name of names) same(nulls[0][name], null, name);
}

async function errors(c, how) {
    const [first] = await c.query("INSERT INTO items (title) VALUES ('first')");
    await fails(1062, '23000', () => c[how]('INSERT INTO items (id, title) VALUES (?, ?)', [first.insertId, 'again']));
    await fails(1146, '42S02', () => c[how]('SELECT * FROM not_there WHERE id = ?', [1]));
    await fails(1064, '42000', () => c[how]('SELEC ?', [1]));
    same(await value(c, 'SELECT 1'), 1);
}

async function bigRow(c, how, size) {
    const body = big(size);
    await c[how]('REPLACE INTO big (id, body) VALUES (?, ?)', [1, body]);
    const [rows] = await c[how]('SELECT body FROM big WHERE id = ?', [1]);
    if (!body.equals(rows[0].body)) throw new Error(`${rows[0].body.length} of ${size} bytes, or others`);
}

async function main() {
    await each('connect', async (c) => {
        same(await value(c, 'SELECT DATABASE()'), settings.database);
        same(await value(c, 'SELECT CONNECTION_ID()'), c.threadId);
        await c.ping();
    });
    if (tls) await each('tls', async (c) => {
        const [rows] = await c.query("SHOW STATUS LIKE 'Ssl_cipher'");
        same(Boolean(rows[0].Value), true);
    });
    await each('ddl', async (c) => {
        for (const sql of statements()) await c.query(sql);
        await c.query('ALTER TABLE items ADD COLUMN note VARCHAR(20) NULL');
        const [rows] = await c.query('SHOW COLUMNS FROM items');
        same(rows.map((r) => r.Field), ['id', 'title', 'points', 'note']);
        await c.query('ALTER TABLE items DROP COLUMN note');
    });
    await each('generated_id', async (c) => {
        const [one] = await c.query('INSERT INTO items (title) VALUES (?)', ['one']);
        same(await value(c, 'SELECT LAST_INSERT_ID()'), one.insertId);
        const [three] = await c.query('INSERT INTO items (title) VALUES ?', [[['a'], ['b'], ['c']]]);
        same(three.affectedRows, 3);
        same(await value(c, 'SELECT title FROM items WHERE id = ?', [three.insertId + 2]), 'c');
        const [prepared] = await c.execute('INSERT INTO items (title) VALUES (?)', ['p']);
        same(await value(c, 'SELECT title FROM items WHERE id = ?', [prepared.insertId]), 'p');
    });
    for (const how of ['query', 'execute']) {
        await each(`crud_${how}`, (c) => crud(c, how));
        await each(`types_${how}`, (c) => types(c, how));
        await each(`error_${how}`, (c) => errors(c, how));
        await each(`big_1m_${how}`, (c) => bigRow(c, how, 1 << 20));
    }
    await each('big_20m_query', (c) => bigRow(c, 'query', 20 << 20));
    await each('big_20m_execute', (c) => bigRow(c, 'execute', 20 << 20));
    await each('transaction', (c) => withConnection(async (other) => {
        await c.query('DELETE FROM items');
        for (const [end, left] of [['rollback', 0], ['commit', 4]]) {
            await c.beginTransaction();
            for (let i = 0; i < 4; i++) await c.query('INSERT INTO items (title, points) VALUES (?, ?)', [`t${i}`, i]);
            same(await value(c, 'SELECT COUNT(*) FROM items'), 4);
            same(await value(other, 'SELECT COUNT(*) FROM items'), 0);
            await c[end]();
            same(await value(other, 'SELECT COUNT(*) FROM items'), left);
        }
    }));
    await each('stream', async (c) => {
        for (const sql of manyRows()) await c.query(sql);
        let n = 0;
        for await (const row of c.connection.query('SELECT id, word FROM many ORDER BY id').stream({ highWaterMark: 50 })) {
            same([row.id, row.word], [n, `word ${n}`]);
            n++;
        }
        same(n, 10000);
    });
    await each('stream_execute', async (c) => {
        let n = 0;
        for await (const row of c.connection.execute('SELECT id, word FROM many WHERE id >= ? ORDER BY id', [5000]).stream()) {
            same([row.id, row.word], [n + 5000, `word ${n + 5000}`]);
            n++;
        }
        same(n, 5000);
    });
    await each('multi_statements', async (c) => {
        const [found] = await c.query("SELECT 1 AS a; DELETE FROM items WHERE id = -1; SELECT 'end' AS b");
        same([found.length, found[0][0].a, found[1].affectedRows, found[2][0].b], [3, 1, 0, 'end']);
    }, { multipleStatements: true });
    await each('unprepare', async (c) => {
        const statement = await c.prepare('SELECT COUNT(*) AS n FROM many WHERE id < ?');
        for (const n of [10, 20]) {
            const [rows] = await statement.execute([n]);
            same(Number(rows[0].n), n);
        }
        await statement.close();
        for (let i = 0; i < 300; i++) await c.execute(`SELECT ${i} AS n FROM many WHERE id = ?`, [i]);
    }, { maxPreparedStatements: 20 });
    if (!sharded) {
        await each('procedure', async (c) => {
            await c.query('DROP PROCEDURE IF EXISTS two');
            await c.query('CREATE PROCEDURE two(IN n INT) BEGIN SELECT n AS a; SELECT n + 1 AS b UNION SELECT n + 2; END');
            for (const how of ['query', 'execute']) {
                const [found] = await c[how]('CALL two(?)', [5]);
                same([found.length, found[0][0].a, found[1].map((r) => Number(r.b))], [3, 5, [6, 7]]);
            }
        });
    }
    await each('change_user', async (c) => {
        await c.query('SET @mine = 5');
        await c.changeUser({ user: settings.user, password: settings.password, database: settings.database, charset: 'utf8mb4' });
        same([await value(c, 'SELECT @mine'), await value(c, 'SELECT DATABASE()')], [null, settings.database]);
    });
    await run('reconnect', async () => {
        const pool = mysql.createPool({ ...options, connectionLimit: 1 });
        const c = await pool.getConnection();
        const before = c.threadId;
        c.connection.on('error', () => {});
        await withConnection((other) => other.query(`KILL ${before}`));
        await c.query('SELECT 1').then(() => { throw new Error('the killed connection answers'); }, () => {});
        c.destroy();
        same(await value(pool, 'SELECT DATABASE()'), settings.database);
        await pool.end();
    });
    await run('pool', async () => {
        const pool = mysql.createPool({ ...options, connectionLimit: 4 });
        const found = await Promise.all(Array.from({ length: 40 }, (_, i) => pool.execute('SELECT word FROM many WHERE id = ?', [i])));
        same(found.map(([rows]) => rows[0].word), Array.from({ length: 40 }, (_, i) => `word ${i}`));
        await pool.end();
    });
    done();
}

main();
