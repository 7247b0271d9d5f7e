<?php
// mysqli over mysqlnd: query() is text, prepare() the binary protocol.
declare(strict_types=1);
require __DIR__ . '/common.php';
mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);

function connect(): mysqli
{
    global $host, $port, $user, $password, $schema, $tls, $ca;
    $c = mysqli_init();
    if ($tls) $c->ssl_set(null, null, $ca, null, null);
    // The certificate has the address as an alternative name; PHP checks the chain and the name.
    $c->real_connect($host, $user, $password, $schema, $port, null, $tls ? MYSQLI_CLIENT_SSL : 0);
    $c->set_charset('utf8mb4');
    return $c;
}

function each_with(string $name, callable $work): void
{
    run($name, function () use ($work) {
        $c = connect();
        try {
            $work($c);
        } finally {
            @$c->close();
        }
    });
}

function value(mysqli $c, string $sql)
{
    $row = $c->query($sql)->fetch_row();
    return $row === null ? null : $row[0];
}

/** Runs a statement with its parameters bound, and gives the statement. */
function with(mysqli $c, string $sql, string $types, ...$params): mysqli_stmt
{
    $s = $c->prepare($sql);
    if ($params) $s->bind_param($types, ...$params);
    $s->execute();
    return $s;
}

function fails(int $code, string $state, callable $work): void
{
    try {
        $work();
    } catch (mysqli_sql_exception $e) {
        same([$e->getCode(), $e->getSqlState()], [$code, $state], $e->getMessage());
        return;
    }
    throw new Exception("error $code expected, none came");
}

each_with('connect', function ($c) {
    global $schema;
    same(value($c, 'SELECT DATABASE()'), $schema);
    same((int)value($c, 'SELECT CONNECTION_ID()'), $c->thread_id);
    same((bool)preg_match('/^Uptime: /', $c->stat()), true);
});
if ($tls) each_with('tls', fn($c) => same((bool)$c->query("SHOW STATUS LIKE 'Ssl_cipher'")->fetch_row()[1], true));
each_with('ddl', function ($c) {
    foreach (statements() as $sql) $c->query($sql);
    $c->query('ALTER TABLE items ADD COLUMN note VARCHAR(20) NULL');
    same(array_column($c->query('SHOW COLUMNS FROM items')->fetch_all(MYSQLI_ASSOC), 'Field'), ['id', 'title', 'points', 'note']);
    $c->query('ALTER TABLE items DROP COLUMN note');
});
each_with('generated_id', function ($c) {
    $c->query("INSERT INTO items (title) VALUES ('one')");
    $id = $c->insert_id;
    same((int)value($c, 'SELECT LAST_INSERT_ID()'), $id);
    $c->query("INSERT INTO items (title) VALUES ('a'), ('b'), ('c')");
    [$affected, $id] = [$c->affected_rows, $c->insert_id];
    same([$affected, value($c, 'SELECT title FROM items WHERE id = ' . ($id + 2))], [3, 'c']);
    $s = with($c, 'INSERT INTO items (title) VALUES (?)', 's', 'prepared');
    same(value($c, "SELECT title FROM items WHERE id = {$s->insert_id}"), 'prepared');
});
each_with('crud_text', function ($c) {
    $c->query("INSERT INTO items (title, points) VALUES ('" . $c->real_escape_string("it's \\ 100%") . "', 5)");
    $id = $c->insert_id;
    $c->query("UPDATE items SET points = points + 2 WHERE id = $id");
    same([$c->affected_rows, $c->info], [1, 'Rows matched: 1  Changed: 1  Warnings: 0']);
    same($c->query("SELECT title, points FROM items WHERE id = $id")->fetch_all(), [["it's \\ 100%", '7']]);
    $c->query("DELETE FROM items WHERE id = $id");
    same($c->affected_rows, 1);
});
each_with('crud_prepared', function ($c) {
    $insert = $c->prepare('INSERT INTO items (title, points) VALUES (?, ?)');
    $select = $c->prepare('SELECT title, points FROM items WHERE id = ?');
    $insert->bind_param('si', $title, $points);
    $select->bind_param('i', $id);
    for ($round = 0; $round < 12; $round++) {
        [$title, $points] = ["it's \\ 100% $round", $round];
        $insert->execute();
        $id = $insert->insert_id;
        same(with($c, 'UPDATE items SET points = points + ? WHERE id = ?', 'ii', 2, $id)->affected_rows, 1);
        $select->execute();
        $select->bind_result($got_title, $got_points);
        same([$select->fetch(), $got_title, $got_points, $select->fetch()], [true, $title, $round + 2, null]);
        same(with($c, 'DELETE FROM items WHERE id = ?', 'i', $id)->affected_rows, 1);
    }
    $found = with($c, 'SELECT id FROM items WHERE id > ? ORDER BY id LIMIT ?', 'ii', 0, 2)->get_result()->fetch_all();
    same(count($found), 2);
});
each_with('transaction', function ($c) {
    $other = connect();
    $c->query('DELETE FROM items');
    foreach ([['rollback', 0], ['commit', 4]] as [$end, $left]) {
        $c->begin_transaction();
        for ($i = 0; $i < 4; $i++) with($c, 'INSERT INTO items (title, points) VALUES (?, ?)', 'si', "t$i", $i);
        same([value($c, 'SELECT COUNT(*) FROM items'), value($other, 'SELECT COUNT(*) FROM items')], ['4', '0']);
        $c->$end();
        same(value($other, 'SELECT COUNT(*) FROM items'), (string)$left);
    }
    $c->autocommit(false);
    $c->query('DELETE FROM items');
    $c->rollback();
    same(value($other, 'SELECT COUNT(*) FROM items'), '4');
});
each_with('types_prepared', function ($c) {
    global $values;
    $names = implode(', ', array_keys($values));
    $c->query('DELETE FROM things');
    for ($id = 0; $id < 8; $id++) {
        with($c, "INSERT INTO things (id, $names) VALUES (?" . str_repeat(', ?', count($values)) . ')', 'issssiiiddsisss', $id, ...array_values($values));
    }
    with($c, 'INSERT INTO things (id) VALUES (?)', 'i', 8);
    $row = with($c, "SELECT $names FROM things WHERE id = ?", 'i', 5)->get_result()->fetch_assoc();
    foreach ($values as $name => $want) same_value($name, $row[$name], $want);
    $merged = with($c, "SELECT $names FROM things WHERE id < ? ORDER BY id", 'i', 8)->get_result()->fetch_all(MYSQLI_ASSOC);
    same(count($merged), 8);
    foreach ($merged as $one) same($one, $row);
    foreach (with($c, "SELECT $names FROM things WHERE id = ?", 'i', 8)->get_result()->fetch_assoc() as $name => $got) same($got, null, $name);
});
each_with('types_text', function ($c) {
    global $values;
    $names = implode(', ', array_keys($values));
    $row = $c->query("SELECT $names FROM things WHERE id = 5")->fetch_assoc();
    foreach ($values as $name => $want) same_value($name, $row[$name], $want);
    $c->options(MYSQLI_OPT_INT_AND_FLOAT_NATIVE, 1);
    foreach ($c->query("SELECT lowest, ratio FROM things WHERE id < 8 ORDER BY id") as $one) same($one, ['lowest' => -2147483648, 'ratio' => 0.1 + 0.2]);
});
foreach (['text', 'prepared'] as $how) {
    each_with("error_$how", function ($c) use ($how) {
        $do = fn($sql) => $how === 'text' ? $c->query($sql) : with($c, $sql, '');
        $c->query("INSERT INTO items (title) VALUES ('first')");
        $id = $c->insert_id;
        fails(1062, '23000', fn() => $do("INSERT INTO items (id, title) VALUES ($id, 'again')"));
        fails(1146, '42S02', fn() => $do('SELECT * FROM not_there'));
        fails(1064, '42000', fn() => $do('SELEC 1'));
        same(value($c, 'SELECT 1'), '1');
    });
}
foreach (['1m' => 1 << 20, '20m' => 20 << 20] as $name => $size) {
    each_with("big_$name", function ($c) use ($size) {
        $body = big($size);
        with($c, 'REPLACE INTO big (id, body) VALUES (?, ?)', 'is', 1, $body);
        if ($c->query('SELECT body FROM big WHERE id = 1')->fetch_row()[0] !== $body) throw new Exception('text: the bytes differ');
        if (with($c, 'SELECT body FROM big WHERE id = ?', 'i', 1)->get_result()->fetch_row()[0] !== $body) throw new Exception('prepared: the bytes differ');
    });
}
each_with('long_data', function ($c) {
    $s = $c->prepare('REPLACE INTO big (id, body) VALUES (2, ?)');
    $none = null;
    $s->bind_param('b', $none);
    for ($i = 0; $i < 100; $i++) $s->send_long_data(0, str_repeat(chr(97 + $i % 26), 10000));
    $s->execute();
    same($c->query('SELECT LENGTH(body), MID(body, 9999, 4) FROM big WHERE id = 2')->fetch_row(), ['1000000', 'aabb']);
});
each_with('stream', function ($c) {
    foreach (many_rows() as $sql) $c->query($sql);
    $n = 0;
    foreach ($c->query('SELECT id, word FROM many ORDER BY id', MYSQLI_USE_RESULT) as $row) same($row, ['id' => (string)$n, 'word' => 'word ' . $n++]);
    same($n, 10000);
});
each_with('stream_prepared', function ($c) {
    $s = with($c, 'SELECT id FROM many WHERE id >= ? ORDER BY id', 'i', 5000);
    $s->bind_result($id);
    for ($n = 5000; $s->fetch(); $n++) same($id, $n);
    same($n, 10000);
});
each_with('cursor', function ($c) {
    $s = $c->prepare('SELECT id FROM many WHERE id >= ? ORDER BY id');
    $s->attr_set(MYSQLI_STMT_ATTR_CURSOR_TYPE, MYSQLI_CURSOR_TYPE_READ_ONLY);
    $from = 8000;
    $s->bind_param('i', $from);
    $s->execute();
    $s->bind_result($id);
    for ($n = 8000; $s->fetch(); $n++) {
        same($id, $n);
        if ($n === 8500) same(value($c, "SELECT 'between'"), 'between');
    }
    same($n, 10000);
});
each_with('multi_statements', function ($c) {
    $c->multi_query("SELECT 1; DELETE FROM items WHERE id = -1; SELECT 'end'");
    $found = [];
    do {
        $r = $c->store_result();
        $found[] = $r ? $r->fetch_row()[0] : null;
    } while ($c->more_results() && $c->next_result());
    same($found, ['1', null, 'end']);
});
if (!$sharded) each_with('procedure', function ($c) {
    $c->query('DROP PROCEDURE IF EXISTS two');
    $c->query('CREATE PROCEDURE two(IN n INT) BEGIN SELECT n AS a; SELECT n + 1 AS b UNION SELECT n + 2; END');
    $s = with($c, 'CALL two(?)', 'i', 5);
    $found = [];
    do {
        if ($r = $s->get_result()) $found[] = array_map(fn($row) => (int)$row[0], $r->fetch_all());
    } while ($s->more_results() && $s->next_result());
    same($found, [[5], [6, 7]]);
    $s->close();
    $c->multi_query('CALL two(1)');
    $n = 0;
    do {
        if ($r = $c->store_result()) $n += $r->num_rows;
    } while ($c->more_results() && $c->next_result());
    same($n, 3);
});
each_with('change_user', function ($c) {
    global $user, $password, $schema;
    $c->query('SET @mine = 5');
    $c->change_user($user, $password, $schema);
    same([value($c, 'SELECT @mine'), value($c, 'SELECT DATABASE()')], [null, $schema]);
    with($c, 'SELECT id FROM many WHERE id = ?', 'i', 1);
});
each_with('reconnect', function ($c) {
    global $schema;
    connect()->kill($c->thread_id);
    try {
        $c->query('SELECT 1');
        throw new Exception('the killed connection answers');
    } catch (mysqli_sql_exception $e) {
        same(in_array($e->getCode(), [2006, 2013, 1927, 1317], true), true, (string)$e->getCode());
    }
    same(value(connect(), 'SELECT DATABASE()'), $schema);
});
echo "done\n";
