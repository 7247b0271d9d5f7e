// common.js - what the Node drivers and ORMs share: where to connect, the lines they print, the values that must come back.
'use strict';
const fs = require('fs');
const path = require('path');
const util = require('util');

const env = process.env;
const settings = {
    host: env.DRIVER_HOST, port: Number(env.DRIVER_PORT), user: env.DRIVER_USER, password: env.DRIVER_PASSWORD, database: env.DRIVER_SCHEMA,
};
const sharded = env.DRIVER_KIND === 'sharded';
const tls = env.DRIVER_TLS === '1';
const only = (env.DRIVER_CASES || '').split(',').filter(Boolean);
// Node takes no IP address as a server name; the certificate's chain is what counts here.
const ssl = tls ? { ca: fs.readFileSync(env.DRIVER_CA), checkServerIdentity: () => undefined } : undefined;

const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
const values = {
    bytes,
    amount: '12345678901234567890123456789012345.123456789012345678901234567890',
    moment: '2024-02-29 23:59:59.123456',
    biggest: '18446744073709551615',
    lowest: -2147483648,
    tiny: -128,
    smallest: '-9223372036854775808',
    ratio: 0.30000000000000004,
    fraction: -0.15625,
    document: '{"a": [1, null, "ü"], "b": {}}',
    bits: Buffer.from([0x0a, 0xaa]),
    words: '😀 naïve 日本 \' " \\ %',
    nothing: '',
    missing: null,
};

// The statements of tables.sql, which lies beside the sources and not where the modules are.
function statements() {
    const text = fs.readFileSync(path.join(process.cwd(), 'tables.sql'), 'utf8').replace(/^--.*\n/gm, '');
    return text.split(';\n').map((s) => s.trim()).filter(Boolean);
}

function say(line) {
    console.log(line.replace(/\s+/g, ' '));
}

async function run(name, work) {
    if (only.length && !only.some((w) => name === w || name.startsWith(w + '_'))) return;
    let timer;
    const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error('no answer within 40 s')), 40000); });
    try {
        await Promise.race([work(), late]);
        say(`ok ${name}`);
    } catch (e) {
        // Right or refused: what Weir does not take yet over shards is told as skipped, and only there.
        if (e instanceof Refused) {
            say(`skip ${name}: ${e.message}`);
            return;
        }
        const at = /(\w+\.js:\d+)/.exec((e.stack || '').split('\n').filter((l) => /_(driver|orm)\.js/.test(l))[0] || '');
        say(`not ok ${name}: ${at ? at[1] : ''} ${e.code || ''} ${String(e.message).slice(0, 300)}`);
    } finally {
        clearTimeout(timer);
    }
}

class Refused extends Error {}

// Weir may refuse `work` with error 1235 on sharded tables.
async function unlessRefused(what, work) {
    try {
        await work();
    } catch (e) {
        if (sharded && (e.parent || e.nativeError || e).errno === 1235) throw new Refused(`${what} over shards is refused`);
        throw e;
    }
}

function same(got, want, what = '') {
    if (!util.isDeepStrictEqual(got, want)) {
        throw new Error(`${what} ${util.inspect(want).slice(0, 150)} expected, ${util.inspect(got).slice(0, 150)} came`);
    }
}

async function fails(code, state, work) {
    try {
        await work();
    } catch (e) {
        const from = e.parent || e.nativeError || e;
        same([from.errno, from.sqlState], [code, state], String(from.message).slice(0, 100));
        return;
    }
    throw new Error(`error ${code} expected, none came`);
}

// Rows 0 to 9999 of `many`, as the text of ten statements.
function* manyRows() {
    for (let start = 0; start < 10000; start += 1000) {
        yield 'INSERT INTO many VALUES ' + Array.from({ length: 1000 }, (_, i) => `(${start + i}, 'word ${start + i}')`).join(', ');
    }
}

function big(size) {
    return Buffer.alloc(size, bytes);
}

function done() {
    say('done');
    process.exit(0);
}

module.exports = { unlessRefused, settings, sharded, tls, ssl, bytes, values, statements, say, run, same, fails, manyRows, big, done };
