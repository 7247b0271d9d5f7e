// mysql (mysqljs): callbacks, text protocol only, mysql_native_password.
'use strict';
const { PassThrough } = require('stream');
const util = require('util');
const mysql = require('mysql');
const { settings, sharded, tls, ssl, values, statements, run, same, fails, manyRows, big, done } = require('./common.js');

const options = { ...settings, ssl, charset: 'utf8mb4', supportBigNumbers: true, bigNumberStrings: true, dateStrings: true };

function promised(c) {
    for (const name of ['connect', 'query', 'beginTransaction', 'commit', 'rollback', 'changeUser', 'ping']) {
        c[`${name}Async`] = util.promisify(c[name]).bind(c);
    }
    return c;
}

async function withConnection(work, more = {}) {
    const c = promised(mysql.createConnection({ ...options, ...more }));
    c.on('error', () => {});
    try {
        await c.connectAsync();
        await work(c);
    } finally {
        c.destroy();
    }
}

const each = (name, work, more) => run(name, () => withConnection(work, more));

async function value(c, sql, params) {
    const rows = await c.queryAsync(sql, params);
    const got = rows.length ? Object.values(rows[0])[0] : undefined;
    return /^\d+$/.test(got) ? Number(got) : got;
}

async function main() {
    await each('connect', async (c) => {
        same(await value(c, 'SELECT DATABASE()'), settings.database);
        same(await value(c, 'SELECT CONNECTION_ID()'), c.threadId);
        await c.pingAsync();
    });
    if (tls) await each('tls', async (c) => same(Boolean((await c.queryAsync("SHOW STATUS LIKE 'Ssl_cipher'"))[0].Value), true));
    await each('ddl', async (c) => {
        for (const sql of statements()) await c.queryAsync(sql);
        await c.queryAsync('ALTER TABLE items ADD COLUMN note VARCHAR(20) NULL');
        same((await c.queryAsync('SHOW COLUMNS FROM items')).map((r) => r.Field), ['id', 'title', 'points', 'note']);
        await c.queryAsync('ALTER TABLE items DROP COLUMN note');
    });
    await each('generated_id', async (c) => {
        const one = await c.queryAsync('INSERT INTO items SET ?', { title: 'one' });
        same(await value(c, 'SELECT LAST_INSERT_ID()'), one.insertId);
        const three = await c.queryAsync('INSERT INTO items (title) VALUES ?', [[['a'], ['b'], ['c']]]);
        same([three.affectedRows, await value(c, 'SELECT title FROM items WHERE id = ?', [three.insertId + 2])], [3, 'c']);
    });
    await each('crud', async (c) => {
        const { insertId } = await c.queryAsync('INSERT INTO items (title, points) VALUES (?, ?)', ["it's \\ 100%", 5]);
        same((await c.queryAsync('UPDATE items SET points = points + ? WHERE id = ?', [2, insertId])).changedRows, 1);
        same((await c.queryAsync('SELECT title, points FROM items WHERE id = ?', [insertId])).map((r) => ({ ...r })), [{ title: "it's \\ 100%", points: 7 }]);
        same((await c.queryAsync('DELETE FROM items WHERE id = ?', [insertId])).affectedRows, 1);
    });
    await each('transaction', (c) => withConnection(async (other) => {
        await c.queryAsync('DELETE FROM items');
        for (const [end, left] of [['rollbackAsync', 0], ['commitAsync', 4]]) {
            await c.beginTransactionAsync();
            for (let i = 0; i < 4; i++) await c.queryAsync('INSERT INTO items (title, points) VALUES (?, ?)', [`t${i}`, i]);
            same([await value(c, 'SELECT COUNT(*) FROM items'), await value(other, 'SELECT COUNT(*) FROM items')], [4, 0]);
            await c[end]();
            same(await value(other, 'SELECT COUNT(*) FROM items'), left);
        }
    }));
    await each('types', async (c) => {
        const names = Object.keys(values);
        await c.queryAsync('DELETE FROM things');
        for (let id = 0; id < 8; id++) await c.queryAsync('INSERT INTO things SET ?', { id, ...values });
        await c.queryAsync('INSERT INTO things SET ?', { id: 8 });
        const [row] = await c.queryAsync(`SELECT ${names} FROM things WHERE id = 5`);
        for (const name of names) same(row[name], values[name], name);
        for (const merged of await c.queryAsync(`SELECT ${names} FROM things WHERE id < 8 ORDER BY id`)) same({ ...merged }, { ...row });
        const [nulls] = await c.queryAsync(`SELECT ${names} FROM things WHERE id = 8`);
        for (const name of names) same(nulls[name], null, name);
    });
    await each('error', async (c) => {
        const first = await c.queryAsync("INSERT INTO items (title) VALUES ('first')");
        await fails(1062, '23000', () => c.queryAsync('INSERT INTO items (id, title) VALUES (?, ?)', [first.insertId, 'again']));
        await fails(1146, '42S02', () => c.queryAsync('SELECT * FROM not_there'));
        await fails(1064, '42000', () => c.queryAsync('SELEC 1'));
        same(await value(c, 'SELECT 1'), 1);
    });
    for (const [name, size] of [['big_1m', 1 << 20], ['big_20m', 20 << 20]]) {
        await each(name, async (c) => {
            const body = big(size);
            await c.queryAsync('REPLACE INTO big (id, body) VALUES (?, ?)', [1, body]);
            const [row] = await c.queryAsync('SELECT body FROM big WHERE id = 1');
            if (!body.equals(row.body)) throw new Error(`${row.body.length} of ${size} bytes, or others`);
        });
    }
    await each('stream', async (c) => {
        for (const sql of manyRows()) await c.queryAsync(sql);
        let n = 0;
        const rows = c.query('SELECT id, word FROM many ORDER BY id').stream({ highWaterMark: 50 });
        for await (const row of rows.pipe(new PassThrough({ objectMode: true }))) {
            same([row.id, row.word], [n, `word ${n}`]);
            n++;
        }
        same(n, 10000);
    });
    await each('multi_statements', async (c) => {
        const found = await c.queryAsync("SELECT 1 AS a; DELETE FROM items WHERE id = -1; SELECT 'end' AS b");
        same([found.length, found[0][0].a, found[1].affectedRows, found[2][0].b], [3, 1, 0, 'end']);
    }, { multipleStatements: true });
    if (!sharded) await each('procedure', async (c) => {
        await c.queryAsync('DROP PROCEDURE IF EXISTS two');
        await c.queryAsync('CREATE PROCEDURE two(IN n INT) BEGIN SELECT n AS a; SELECT n + 1 AS b UNION SELECT n + 2; END');
        const found = await c.queryAsync('CALL two(?)', [5]);
        same([found.length, Number(found[0][0].a), found[1].map((r) => Number(r.b))], [3, 5, [6, 7]]);
    });
    await each('change_user', async (c) => {
        await c.queryAsync('SET @mine = 5');
        await c.changeUserAsync({ user: settings.user, password: settings.password, database: settings.database, charset: 'utf8mb4' });
        same([await value(c, 'SELECT @mine'), await value(c, 'SELECT DATABASE()')], [null, settings.database]);
    });
    await run('reconnect', async () => {
        const pool = mysql.createPool({ ...options, connectionLimit: 1 });
        const c = promised(await util.promisify(pool.getConnection).call(pool));
        c.on('error', () => {});
        await withConnection((other) => other.queryAsync(`KILL ${c.threadId}`));
        await c.queryAsync('SELECT 1').then(() => { throw new Error('the killed connection answers'); }, () => {});
        c.destroy();
        const rows = await util.promisify(pool.query).call(pool, 'SELECT DATABASE() AS d');
        same(rows[0].d, settings.database);
        await util.promisify(pool.end).call(pool);
    });
    done();
}

main();
