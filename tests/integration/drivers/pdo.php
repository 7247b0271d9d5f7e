<?php
// PDO: `php pdo.php native` prepares on the server, `php pdo.php emulated` puts the parameters into the text.
declare(strict_types=1);
require __DIR__ . '/common.php';
$native = $argv[1] === 'native';

function connect(array $more = []): PDO
{
    global $host, $port, $user, $password, $schema, $tls, $ca, $native;
    $options = $more + [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION, PDO::ATTR_EMULATE_PREPARES => !$native,
                        PDO::ATTR_DEFAULT_FETCH_MODE => PDO::FETCH_ASSOC];
    if ($tls) $options += [PDO::MYSQL_ATTR_SSL_CA => $ca, PDO::MYSQL_ATTR_SSL_VERIFY_SERVER_CERT => true];
    return new PDO("mysql:host=$host;port=$port;dbname=$schema;charset=utf8mb4", $user, $password, $options);
}

function each_with(string $name, callable $work, array $more = []): void
{
    run($name, fn() => $work(connect($more)));
}

function value(PDO $c, string $sql)
{
    return $c->query($sql)->fetchColumn();
}

/** Parameters are bound by their PHP types. */
function with(PDO $c, string $sql, array $params): PDOStatement
{
    $s = $c->prepare($sql);
    foreach (array_values($params) as $i => $p) {
        $s->bindValue($i + 1, $p, is_int($p) ? PDO::PARAM_INT : (is_null($p) ? PDO::PARAM_NULL : PDO::PARAM_STR));
    }
    $s->execute();
    return $s;
}

function fails(int $code, string $state, callable $work): void
{
    try {
        $work();
    } catch (PDOException $e) {
        same([$e->errorInfo[1], $e->errorInfo[0]], [$code, $state], $e->getMessage());
        return;
    }
    throw new Exception("error $code expected, none came");
}

each_with('connect', function ($c) {
    global $schema;
    same(value($c, 'SELECT DATABASE()'), $schema);
    same((bool)preg_match('/^\d+\.\d+/', $c->getAttribute(PDO::ATTR_SERVER_VERSION)), true);
    same((bool)preg_match('/Uptime/', $c->getAttribute(PDO::ATTR_SERVER_INFO)), true);
});
if ($tls) each_with('tls', fn($c) => same((bool)$c->query("SHOW STATUS LIKE 'Ssl_cipher'")->fetch(PDO::FETCH_NUM)[1], true));
each_with('ddl', function ($c) {
    foreach (statements() as $sql) $c->exec($sql);
    $c->exec('ALTER TABLE items ADD COLUMN note VARCHAR(20) NULL');
    same($c->query('SHOW COLUMNS FROM items')->fetchAll(PDO::FETCH_COLUMN), ['id', 'title', 'points', 'note']);
    $c->exec('ALTER TABLE items DROP COLUMN note');
});
each_with('generated_id', function ($c) {
    $c->exec("INSERT INTO items (title) VALUES ('one')");
    $id = $c->lastInsertId();
    same((string)value($c, 'SELECT LAST_INSERT_ID()'), $id);
    same($c->exec("INSERT INTO items (title) VALUES ('a'), ('b'), ('c')"), 3);
    same(value($c, 'SELECT title FROM items WHERE id = ' . ((int)$c->lastInsertId() + 2)), 'c');
    with($c, 'INSERT INTO items (title) VALUES (?)', ['prepared']);
    same(value($c, 'SELECT title FROM items WHERE id = ' . $c->lastInsertId()), 'prepared');
});
each_with('crud', function ($c) {
    $insert = $c->prepare('INSERT INTO items (title, points) VALUES (:title, :points)');
    for ($round = 0; $round < 12; $round++) {
        $insert->execute(['title' => "it's \\ 100% $round", 'points' => $round]);
        $id = (int)$c->lastInsertId();
        same(with($c, 'UPDATE items SET points = points + ? WHERE id = ?', [2, $id])->rowCount(), 1);
        $found = with($c, 'SELECT title, points FROM items WHERE id = ?', [$id])->fetchAll(PDO::FETCH_NUM);
        same($found, [["it's \\ 100% $round", $round + 2]]);
        same(with($c, 'DELETE FROM items WHERE id = ?', [$id])->rowCount(), 1);
    }
    same(count(with($c, 'SELECT id FROM items WHERE id > ? ORDER BY id LIMIT ?', [0, 2])->fetchAll()), 2);
});
each_with('transaction', function ($c) {
    $other = connect();
    $c->exec('DELETE FROM items');
    foreach ([['rollBack', 0], ['commit', 4]] as [$end, $left]) {
        $c->beginTransaction();
        same($c->inTransaction(), true);
        for ($i = 0; $i < 4; $i++) with($c, 'INSERT INTO items (title, points) VALUES (?, ?)', ["t$i", $i]);
        same([(int)value($c, 'SELECT COUNT(*) FROM items'), (int)value($other, 'SELECT COUNT(*) FROM items')], [4, 0]);
        $c->$end();
        same([(int)value($other, 'SELECT COUNT(*) FROM items'), $c->inTransaction()], [$left, false]);
    }
});
each_with('types', function ($c) {
    global $values;
    $names = implode(', ', array_keys($values));
    $c->exec('DELETE FROM things');
    for ($id = 0; $id < 8; $id++) with($c, "INSERT INTO things (id, $names) VALUES (?" . str_repeat(', ?', count($values)) . ')', [$id, ...array_values($values)]);
    with($c, 'INSERT INTO things (id) VALUES (?)', [8]);
    $row = with($c, "SELECT $names FROM things WHERE id = ?", [5])->fetch();
    foreach ($values as $name => $want) same_value($name, $row[$name], $want);
    $merged = with($c, "SELECT $names FROM things WHERE id < ? ORDER BY id", [8])->fetchAll();
    same(count($merged), 8);
    foreach ($merged as $one) same($one, $row);
    foreach (with($c, "SELECT $names FROM things WHERE id = ?", [8])->fetch() as $name => $got) same($got, null, $name);
});
each_with('error', function ($c) {
    $c->exec("INSERT INTO items (title) VALUES ('first')");
    $id = (int)$c->lastInsertId();
    fails(1062, '23000', fn() => with($c, 'INSERT INTO items (id, title) VALUES (?, ?)', [$id, 'again']));
    fails(1146, '42S02', fn() => with($c, 'SELECT * FROM not_there WHERE id = ?', [1]));
    fails(1064, '42000', fn() => with($c, 'SELEC ?', [1]));
    same((int)value($c, 'SELECT 1'), 1);
});
foreach (['1m' => 1 << 20, '20m' => 20 << 20] as $name => $size) {
    each_with("big_$name", function ($c) use ($size) {
        $body = big($size);
        with($c, 'REPLACE INTO big (id, body) VALUES (?, ?)', [1, $body]);
        if (with($c, 'SELECT body FROM big WHERE id = ?', [1])->fetchColumn() !== $body) throw new Exception('the bytes differ');
    });
}
each_with('stream', function ($c) {
    foreach (many_rows() as $sql) $c->exec($sql);
    $c->setAttribute(PDO::MYSQL_ATTR_USE_BUFFERED_QUERY, false);
    $n = 0;
    foreach (with($c, 'SELECT id, word FROM many WHERE id >= ? ORDER BY id', [0]) as $row) same([(int)$row['id'], $row['word']], [$n, 'word ' . $n++]);
    same($n, 10000);
});
each_with('multi_statements', function ($c) {
    global $native;
    if ($native) {                        // the driver prepares every query(), so only exec() can send several
        $c->exec("DELETE FROM items WHERE id = -1; DELETE FROM items WHERE id = -2");
        return;
    }
    $s = $c->query("SELECT 1; DELETE FROM items WHERE id = -1; SELECT 'end'");
    $found = [];
    do {
        $found[] = $s->columnCount() ? $s->fetchColumn() : null;
    } while ($s->nextRowset());
    same(array_map('strval', $found), ['1', '', 'end']);
});
if (!$sharded) each_with('procedure', function ($c) {
    $c->exec('DROP PROCEDURE IF EXISTS two');
    $c->exec('CREATE PROCEDURE two(IN n INT) BEGIN SELECT n AS a; SELECT n + 1 AS b UNION SELECT n + 2; END');
    $s = with($c, 'CALL two(?)', [5]);
    $found = [];
    do {
        if ($s->columnCount()) $found[] = array_map(fn($row) => (int)$row[0], $s->fetchAll(PDO::FETCH_NUM));
    } while ($s->nextRowset());
    same(array_values(array_filter($found)), [[5], [6, 7]]);        // the driver adds an empty one for the OK packet
});
run('persistent', function () {
    // A persistent connection is taken again as it was left.
    $c = connect([PDO::ATTR_PERSISTENT => true]);
    $id = value($c, 'SELECT CONNECTION_ID()');
    $c = null;
    same(value(connect([PDO::ATTR_PERSISTENT => true]), 'SELECT CONNECTION_ID()'), $id);
});
each_with('reconnect', function ($c) {
    global $schema;
    connect()->exec('KILL ' . value($c, 'SELECT CONNECTION_ID()'));
    try {
        @$c->query('SELECT 1');
    } catch (PDOException $e) {
        same(in_array($e->errorInfo[1], [2006, 2013, 1927, 1317], true), true, (string)$e->errorInfo[1]);
        same(value(connect(), 'SELECT DATABASE()'), $schema);
        return;
    }
    throw new Exception('the killed connection answers');
});
echo "done\n";
