<?php
// common.php - what the PHP drivers share: where to connect, the lines they print, the values that must come back.
declare(strict_types=1);

$host = getenv('DRIVER_HOST');
$port = (int)getenv('DRIVER_PORT');
$user = getenv('DRIVER_USER');
$password = getenv('DRIVER_PASSWORD');
$schema = getenv('DRIVER_SCHEMA');
$sharded = getenv('DRIVER_KIND') === 'sharded';
$tls = getenv('DRIVER_TLS') === '1';
$ca = getenv('DRIVER_CA');
$only = array_filter(explode(',', getenv('DRIVER_CASES') ?: ''));
ini_set('precision', '17');        // PDO sends floats as text
ini_set('mysqlnd.net_read_timeout', '60');

$values = [
    'bytes' => implode('', array_map('chr', range(0, 255))),
    'amount' => '12345678901234567890123456789012345.123456789012345678901234567890',
    'moment' => '2024-02-29 23:59:59.123456',
    'biggest' => '18446744073709551615',
    'lowest' => -2147483648,
    'tiny' => -128,
    'smallest' => PHP_INT_MIN,
    'ratio' => 0.1 + 0.2,
    'fraction' => -0.15625,
    'document' => '{"a": [1, null, "ü"], "b": {}}',
    'bits' => 0b101010101010,
    'words' => '😀 naïve 日本 \' " \\ %',
    'nothing' => '',
    'missing' => null,
];

/** The statements of tables.sql. */
function statements(): array
{
    $text = preg_replace('/^--.*\n/m', '', file_get_contents(__DIR__ . '/tables.sql'));
    return array_filter(array_map('trim', explode(";\n", $text)));
}

function run(string $name, callable $work): void
{
    global $only;
    if ($only && !array_filter($only, fn($w) => $name === $w || str_starts_with($name, $w . '_'))) return;
    try {
        $work();
        echo "ok $name\n";
    } catch (Throwable $e) {
        $frames = array_filter($e->getTrace(), fn($f) => isset($f['file']) && !str_ends_with($f['file'], 'common.php'));
        $line = str_ends_with($e->getFile(), 'common.php') ? (reset($frames)['line'] ?? 0) : $e->getLine();
        echo "not ok $name: ", get_class($e), " at line $line: ", preg_replace('/\s+/', ' ', substr($e->getMessage(), 0, 300)), "\n";
    }
}

function same($got, $want, string $what = ''): void
{
    if ($got !== $want) {
        throw new Exception("$what " . substr(var_export($want, true), 0, 150) . ' expected, ' . substr(var_export($got, true), 0, 150) . ' came');
    }
}

/** A column of `things` as it must read, whatever type the driver gives it. */
function same_value(string $name, $got, $want): void
{
    if (is_float($want) && is_numeric($got)) $got = (float)$got;
    if (is_int($want) && is_string($got) && preg_match('/^-?\d+$/', $got)) $got = (int)$got;
    same($got, $want, $name);
}

function big(int $size): string
{
    global $values;
    return substr(str_repeat($values['bytes'], intdiv($size, 256) + 1), 0, $size);
}

/** Rows 0 to 9999 of `many`, as the text of ten statements. */
function many_rows(): Generator
{
    for ($start = 0; $start < 10000; $start += 1000) {
        yield 'INSERT INTO many VALUES ' . implode(', ', array_map(fn($i) => "($i, 'word $i')", range($start, $start + 999)));
    }
}
