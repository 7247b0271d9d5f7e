// Sequelize over mysql2. (Its dialect mariadb does not work with today's mariadb module, whatever the server.)
'use strict';
const { Sequelize, DataTypes, Op } = require('sequelize');
const { settings, tls, ssl, bytes, values, run, same, fails, big, done } = require('./common.js');

function connect() {
    return new Sequelize(settings.database, settings.user, settings.password, {
        host: settings.host, port: settings.port, dialect: 'mysql', logging: false, pool: { max: 3 }, timezone: '+00:00',
        dialectOptions: { ssl, supportBigNumbers: true, bigNumberStrings: true },
    });
}

function define(db) {
    const plain = { timestamps: false, freezeTableName: true };
    return {
        Item: db.define('items', { id: { type: DataTypes.BIGINT, primaryKey: true, autoIncrement: true }, title: { type: DataTypes.STRING(100), allowNull: false },
                                   points: DataTypes.INTEGER }, plain),
        Thing: db.define('things', {
            id: { type: DataTypes.INTEGER, primaryKey: true }, bytes: DataTypes.BLOB('long'), amount: DataTypes.DECIMAL(65, 30), moment: DataTypes.DATE(6),
            biggest: DataTypes.BIGINT.UNSIGNED, lowest: DataTypes.INTEGER, tiny: DataTypes.TINYINT, smallest: DataTypes.BIGINT, ratio: DataTypes.DOUBLE,
            fraction: DataTypes.FLOAT, document: DataTypes.JSON, words: DataTypes.STRING(100), nothing: DataTypes.STRING(100), missing: DataTypes.STRING(100),
        }, plain),
        Big: db.define('big', { id: { type: DataTypes.INTEGER, primaryKey: true }, body: DataTypes.BLOB('long') }, plain),
        Many: db.define('many', { id: { type: DataTypes.INTEGER, primaryKey: true }, word: { type: DataTypes.STRING(60), allowNull: false } }, plain),
    };
}

async function main() {
    const db = connect();
    const { Item, Thing, Big, Many } = define(db);
    const each = run;
    const value = async (sql) => Object.values((await db.query(sql))[0][0])[0];

    await each('connect', async () => {
        await db.authenticate();
        same(await value('SELECT DATABASE() AS d'), settings.database);
    });
    if (tls) await each('tls', async () => same(Boolean((await db.query("SHOW STATUS LIKE 'Ssl_cipher'"))[0][0].Value), true));
    await each('ddl', async () => {
        await db.sync({ force: true });
        await db.sync({ alter: true });
        const qi = db.getQueryInterface();
        const tables = (await qi.showAllTables()).map((t) => t.tableName || t);
        same(tables.sort(), ['big', 'items', 'many', 'things']);
        await qi.addColumn('items', 'note', { type: DataTypes.STRING(20) });
        same(Object.keys(await qi.describeTable('items')), ['id', 'title', 'points', 'note']);
        await qi.removeColumn('items', 'note');
        same((await qi.showIndex('items')).map((i) => i.name), ['PRIMARY']);
    });
    await each('crud', async () => {
        const item = await Item.create({ title: "it's \\ 100%", points: 5 });
        same((await Item.findByPk(item.id)).title, "it's \\ 100%");
        await item.increment('points', { by: 2 });
        await item.reload();
        same(item.points, 7);
        const rows = await Item.bulkCreate(Array.from({ length: 30 }, (_, i) => ({ title: `b${i}`, points: i })));
        same(rows.length, 30);
        const page = await Item.findAndCountAll({ where: { title: { [Op.like]: 'b%' } }, order: [['points', 'DESC']], limit: 3, offset: 2 });
        same([page.count, page.rows.map((r) => r.points)], [30, [27, 26, 25]]);
        same(await Item.max('points', { where: { title: { [Op.like]: 'b%' } } }), 29);
        same(await Item.update({ points: 100 }, { where: { title: 'b1' } }), [1]);
        same(await Item.destroy({ where: { id: item.id } }), 1);
        const [, made] = await Item.findOrCreate({ where: { title: 'b2' } });
        same(made, false);
        await Item.upsert({ id: 1, title: 'upserted' });
    });
    await each('prepared', async () => {
        const [rows] = await db.query('SELECT title FROM items WHERE points = $1 AND title LIKE $2', { bind: [29, 'b%'] });
        same(rows.map((r) => r.title), ['b29']);
    });
    await each('transaction', async () => {
        await Item.destroy({ where: {} });
        for (const [end, left] of [['rollback', 0], ['commit', 4]]) {
            const t = await db.transaction({ isolationLevel: 'READ COMMITTED' });
            for (let i = 0; i < 4; i++) await Item.create({ title: `t${i}`, points: i }, { transaction: t });
            same([await Item.count({ transaction: t }), await Item.count()], [4, 0]);
            await t[end]();
            same(await Item.count(), left);
        }
    });
    await each('types', async () => {
        const given = { ...values, document: { a: [1, null, 'ü'], b: {} }, moment: new Date('2024-02-29T23:59:59.123Z') };
        delete given.bits;
        for (let id = 0; id < 8; id++) await Thing.create({ id, ...given });
        await Thing.create({ id: 8 });
        const found = [await Thing.findByPk(5), ...await Thing.findAll({ where: { id: { [Op.lt]: 8 } }, order: ['id'] })];
        same(found.length, 9);
        for (const thing of found) {
            for (const [name, want] of Object.entries(given)) {
                let got = thing[name];
                if (name === 'document' && typeof got === 'string') got = JSON.parse(got);
                same(got, want, name);
            }
        }
        const none = await Thing.findByPk(8);
        for (const name of Object.keys(given)) same(none[name], null, name);
    });
    await each('error', async () => {
        await Thing.upsert({ id: 77 });
        await fails(1062, '23000', () => Thing.create({ id: 77 }));
        await fails(1146, '42S02', () => db.query('SELECT * FROM not_there'));
        await fails(1064, '42000', () => db.query('SELEC 1'));
    });
    await each('big_1m', async () => {
        const body = big(1 << 20);
        await Big.create({ id: 1, body });
        same((await Big.findByPk(1)).body.equals(body), true);
    });
    await each('stream', async () => {
        await Many.bulkCreate(Array.from({ length: 10000 }, (_, id) => ({ id, word: `word ${id}` })));
        const rows = await Many.findAll({ order: ['id'], raw: true });
        same([rows.length, rows[9999]], [10000, { id: 9999, word: 'word 9999' }]);
    });
    await each('reconnect', async () => {
        const one = connect();
        const [[{ id }]] = await one.query('SELECT CONNECTION_ID() AS id');
        await db.query(`KILL ${id}`);
        await new Promise((resolve) => { setTimeout(resolve, 50); });
        // The pool drops the dead connection when it hears of it; one attempt may still meet it.
        await one.query('SELECT 1').catch(() => {});
        same(Object.values((await one.query('SELECT DATABASE() AS d'))[0][0])[0], settings.database);
        await one.close();
    });
    await db.close();
}

main().then(done);
