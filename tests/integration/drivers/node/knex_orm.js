// Knex (schema builder, queries, transactions, streams) and Objection (models over Knex), on mysql2.
'use strict';
const knexOf = require('knex');
const { Model } = require('objection');
const { unlessRefused, settings, sharded, tls, ssl, values, run, same, fails, big, done } = require('./common.js');

const knex = knexOf({
    client: 'mysql2', pool: { min: 0, max: 4 },
    connection: { ...settings, ssl, charset: 'utf8mb4', supportBigNumbers: true, bigNumberStrings: true, dateStrings: true },
});
Model.knex(knex);

class Item extends Model {
    static get tableName() { return 'items'; }
}

async function main() {
    await run('connect', async () => {
        const [[row]] = await knex.raw('SELECT DATABASE() AS d');
        same(row.d, settings.database);
    });
    if (tls) await run('tls', async () => same(Boolean((await knex.raw("SHOW STATUS LIKE 'Ssl_cipher'"))[0][0].Value), true));
    await run('ddl', async () => {
        for (const table of ['items', 'things', 'big', 'many']) await knex.schema.dropTableIfExists(table);
        await knex.schema.createTable('items', (t) => {
            t.bigIncrements('id');
            t.string('title', 100).notNullable();
            t.integer('points');
        });
        await knex.schema.createTable('things', (t) => {
            t.integer('id').primary();
            t.specificType('bytes', 'LONGBLOB');
            t.decimal('amount', 65, 30);
            t.datetime('moment', { precision: 6 });
            t.bigint('biggest').unsigned();
            t.integer('lowest');
            t.tinyint('tiny');
            t.bigint('smallest');
            t.double('ratio');
            t.specificType('fraction', 'FLOAT');
            t.json('document');
            t.bit('bits', 12);
            for (const name of ['words', 'nothing', 'missing']) t.string(name, 100);
        });
        await knex.schema.createTable('big', (t) => { t.integer('id').primary(); t.specificType('body', 'LONGBLOB'); });
        await knex.schema.createTable('many', (t) => { t.integer('id').primary(); t.string('word', 60).notNullable(); });
        same([await knex.schema.hasTable('items'), await knex.schema.hasTable('not_there')], [true, false]);
        await knex.schema.alterTable('items', (t) => t.string('note', 20));
        same(await knex.schema.hasColumn('items', 'note'), true);
        await knex.schema.alterTable('items', (t) => t.dropColumn('note'));
        same(Object.keys(await knex('items').columnInfo()), ['id', 'title', 'points']);
    });
    await run('crud', async () => {
        const [id] = await knex('items').insert({ title: "it's \\ 100% ?", points: 5 });
        same(await knex('items').where({ id }).increment('points', 2), 1);
        same(await knex('items').where({ id }).first('title', 'points').then((r) => ({ ...r })), { title: "it's \\ 100% ?", points: 7 });
        await knex.batchInsert('items', Array.from({ length: 30 }, (_, i) => ({ title: `b${i}`, points: i })), 10);
        const page = await knex('items').where('title', 'like', 'b%').orderBy('points', 'desc').limit(3).offset(2).pluck('points');
        same(page, [27, 26, 25]);
        same(Number((await knex('items').where('title', 'like', 'b%').count({ n: '*' }))[0].n), 30);
        await knex('items').insert({ id, title: 'merged' }).onConflict('id').merge();
        same((await knex('items').where({ id }).first()).title, 'merged');
        same(await knex('items').where({ id }).del(), 1);
    });
    await run('objection', async () => {
        const item = await Item.query().insert({ title: 'objection', points: 1 });
        same((await Item.query().findById(item.id)).title, 'objection');
        same(await Item.query().patch({ points: 2 }).where('id', item.id), 1);
        same((await Item.query().patchAndFetchById(item.id, { points: 3 })).points, 3);
        same(await Item.query().deleteById(item.id), 1);
    });
    await run('objection_page', () => unlessRefused('a derived table', async () => {
        const page = await Item.query().where('title', 'like', 'b%').orderBy('points').page(1, 10);
        same([page.total, page.results.length, page.results[0].points], [30, 10, 10]);
    }));
    await run('transaction', async () => {
        await knex('items').del();
        const count = async (by) => Number((await by('items').count({ n: '*' }))[0].n);
        for (const left of [0, 4]) {
            await knex.transaction(async (t) => {
                for (let i = 0; i < 4; i++) await t('items').insert({ title: `t${i}`, points: i });
                same([await count(t), await count(knex)], [4, 0]);
                if (!left) throw new Error('back');
            }).catch((e) => { if (e.message !== 'back') throw e; });
            same(await count(knex), left);
        }
        await knex.transaction(async (t) => {
            await t.transaction(async (inner) => {           // a savepoint
                await inner('items').del();
                throw new Error('back');
            }).catch((e) => { if (e.message !== 'back') throw e; });
            same(await count(t), 4);
        });
    });
    await run('types', async () => {
        for (let id = 0; id < 8; id++) await knex('things').insert({ id, ...values });
        await knex('things').insert({ id: 8 });
        const rows = [await knex('things').where({ id: 5 }).first(), ...await knex('things').where('id', '<', 8).orderBy('id')];
        same(rows.length, 9);
        for (const row of rows) for (const [name, want] of Object.entries(values)) same(row[name], want, name);
        const none = await knex('things').where({ id: 8 }).first();
        for (const name of Object.keys(values)) same(none[name], null, name);
    });
    await run('error', async () => {
        await knex('things').insert({ id: 77 }).onConflict().ignore();
        await fails(1062, '23000', () => knex('things').insert({ id: 77 }));
        await fails(1146, '42S02', () => knex('not_there').select());
        await fails(1064, '42000', () => knex.raw('SELEC 1'));
    });
    await run('big_1m', async () => {
        const body = big(1 << 20);
        await knex('big').insert({ id: 1, body });
        same((await knex('big').where({ id: 1 }).first()).body.equals(body), true);
    });
    await run('stream', async () => {
        await knex.batchInsert('many', Array.from({ length: 10000 }, (_, id) => ({ id, word: `word ${id}` })), 1000);
        let n = 0;
        for await (const row of knex('many').orderBy('id').stream()) same([row.id, row.word], [n, `word ${n++}`]);
        same(n, 10000);
    });
    if (!sharded) await run('procedure', async () => {
        await knex.raw('DROP PROCEDURE IF EXISTS two');
        await knex.raw('CREATE PROCEDURE two(IN n INT) BEGIN SELECT n AS a; SELECT n + 1 AS b UNION SELECT n + 2; END');
        const [found] = await knex.raw('CALL two(?)', [5]);
        same([Number(found[0][0].a), found[1].map((r) => Number(r.b))], [5, [6, 7]]);
    });
    await run('reconnect', async () => {
        const one = knexOf({ client: 'mysql2', pool: { min: 0, max: 1 }, connection: { ...settings, ssl } });
        const [[{ id }]] = await one.raw('SELECT CONNECTION_ID() AS id');
        await knex.raw(`KILL ${id}`);
        await new Promise((resolve) => { setTimeout(resolve, 50); });
        await one.raw('SELECT 1').catch(() => {});
        const [[row]] = await one.raw('SELECT DATABASE() AS d');
        same(row.d, settings.database);
        await one.destroy();
    });
    await knex.destroy();
    done();
}

main();
