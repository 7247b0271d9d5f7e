# dbd.pl - DBI over DBD::mysql or DBD::MariaDB: `perl dbd.pl mysql`, `perl dbd.pl MariaDB`. Each case runs with the parameters put into
# the text by the driver, and those that write or read rows also with statements prepared on the server.
use strict;
use warnings;
use utf8;
use DBI qw(:sql_types);
use Encode ();

my $driver = shift;
my ($host, $port, $user, $password, $schema, $ca) = @ENV{qw(DRIVER_HOST DRIVER_PORT DRIVER_USER DRIVER_PASSWORD DRIVER_SCHEMA DRIVER_CA)};
my $sharded = ($ENV{DRIVER_KIND} // '') eq 'sharded';
my $tls = ($ENV{DRIVER_TLS} // '') eq '1';
my @only = split /,/, $ENV{DRIVER_CASES} // '';
my $lower = lc $driver;                                       # of attributes: mysql_insertid, mariadb_insertid
my $is_mysql = $driver eq 'mysql';
binmode STDOUT, ':utf8';
$| = 1;

my @values = (
    bytes => join('', map { chr } 0 .. 255),
    amount => '12345678901234567890123456789012345.123456789012345678901234567890',
    moment => '2024-02-29 23:59:59.123456',
    biggest => '18446744073709551615',
    lowest => -2147483648,
    tiny => -128,
    smallest => '-9223372036854775808',
    ratio => '0.30000000000000004',
    fraction => '-0.15625',
    document => '{"a": [1, null, "ü"], "b": {}}',
    bits => "\x0a\xaa",
    words => "\x{1F600} naïve 日本 ' \" \\ %",
    nothing => '',
    missing => undef,
);
my @names = @values[grep { !($_ % 2) } 0 .. $#values];
my @wanted = @values[grep { $_ % 2 } 0 .. $#values];

sub connected {
    my ($prepare, %more) = @_;
    my $dsn = "DBI:$driver:host=$host;port=$port;database=$schema";
    $dsn .= ";${lower}_ssl=1;${lower}_ssl_ca_file=$ca;${lower}_ssl_verify_server_cert=1" if $tls;
    $dsn .= ';mysql_ssl_optional=1' if $tls && $is_mysql;      # over libmariadb the driver cannot insist: the case tls does
    my $c = DBI->connect($dsn, $user, $password, { RaiseError => 1, PrintError => 0, AutoCommit => 1, "${lower}_server_prepare" => $prepare ? 1 : 0,
        ($is_mysql ? (mysql_enable_utf8mb4 => 1, mysql_server_prepare_disable_fallback => 1) : ()), %more });
    return $c;
}

sub run {
    my ($name, $work, $prepare, %more) = @_;
    return if @only && !grep { $name eq $_ || index($name, "${_}_") == 0 } @only;
    if (eval { local $SIG{ALRM} = sub { die "no answer within 40 s\n" }; alarm 40; my $c = connected($prepare, %more); $work->($c); $c->disconnect; alarm 0; 1 }) {
        print "ok $name\n";
    } else {
        alarm 0;
        (my $why = $@) =~ s/\s+/ /g;
        print "not ok $name: ", substr($why, 0, 400), "\n";
    }
}

sub same {
    my ($got, $want, $what) = @_;
    my @text = map { !defined $_ ? 'undef' : ref $_ ? join('|', map { defined ? (ref ? join(',', map { $_ // 'undef' } @$_) : $_) : 'undef' } @$_) : "'$_'" } $got, $want;
    die +($what ? "$what: " : '') . substr($text[1], 0, 150) . ' expected, ' . substr($text[0], 0, 150) . ' came, line ' . (caller)[2] . "\n" if $text[0] ne $text[1];
}

sub value { my ($c, $sql, @params) = @_; return ($c->selectrow_array($sql, undef, @params))[0] }
sub insert_id { my ($c) = @_; return $c->{"${lower}_insertid"} }

sub statements {
    open my $f, '<:utf8', 'tables.sql' or die "tables.sql: $!";
    local $/;
    (my $text = <$f>) =~ s/^--.*\n//mg;
    return grep { /\S/ } split /;\n/, $text;
}

sub fails {
    my ($c, $code, $state, $work) = @_;
    die "error $code expected, none came\n" if eval { $work->(); 1 };
    die $@ unless $c->err;
    same([$c->err, $c->state], [$code, $state], $c->errstr);
}

sub bind_all {
    my ($s, $first, @list) = @_;
    my $i = $first;
    for my $pair (@list) {
        my ($name, $v) = @$pair;
        $s->bind_param($i++, $v, $name eq 'bytes' || $name eq 'bits' ? ($is_mysql ? SQL_BLOB : SQL_BLOB) : $name =~ /lowest|tiny/ ? SQL_INTEGER : SQL_VARCHAR);
    }
}

run('connect', sub {
    my ($c) = @_;
    same(value($c, 'SELECT DATABASE()'), $schema);
    same(value($c, 'SELECT CONNECTION_ID()'), $c->{"${lower}_thread_id"} // $c->{thread_id});
    same($c->ping ? 1 : 0, 1);
});
run('tls', sub { same(length(($_[0]->selectrow_array("SHOW STATUS LIKE 'Ssl_cipher'"))[1]) > 0 ? 1 : 0, 1) }) if $tls;
run('ddl', sub {
    my ($c) = @_;
    $c->do($_) for statements();
    $c->do('ALTER TABLE items ADD COLUMN note VARCHAR(20) NULL');
    same([map { $_->[0] } @{ $c->selectall_arrayref('SHOW COLUMNS FROM items') }], [qw(id title points note)]);
    $c->do('ALTER TABLE items DROP COLUMN note');
    same([sort map { s/.*\.//r =~ s/`//gr } $c->tables(undef, $schema, '%', 'TABLE')], [qw(big items many things)]);
    my $columns = $c->column_info(undef, $schema, 'items', '%')->fetchall_arrayref({});
    same([map { $_->{COLUMN_NAME} } @$columns], [qw(id title points)]);
    same([$c->primary_key(undef, $schema, 'items')], ['id']);
});
for my $way (0, 1) {
    my $how = $way ? 'prepared' : 'text';
    run("generated_id_$how", sub {
        my ($c) = @_;
        $c->do('INSERT INTO items (title) VALUES (?)', undef, 'one');
        my $id = insert_id($c);
        same(value($c, 'SELECT LAST_INSERT_ID()'), $id);
        same($c->last_insert_id(undef, undef, undef, undef), $id);
        same($c->do('INSERT INTO items (title) VALUES (?), (?), (?)', undef, qw(a b c)), 3);
        same(value($c, 'SELECT title FROM items WHERE id = ?', insert_id($c) + 2), 'c');
    }, $way);
    run("crud_$how", sub {
        my ($c) = @_;
        my $insert = $c->prepare('INSERT INTO items (title, points) VALUES (?, ?)');
        my $select = $c->prepare('SELECT title, points FROM items WHERE id = ?');
        for my $round (0 .. 11) {
            same($insert->execute("it's \\ 100% $round", $round), 1);
            my $id = $insert->{"${lower}_insertid"};
            same($c->do('UPDATE items SET points = points + ? WHERE id = ?', undef, 2, $id), 1);
            $select->execute($id);
            same([map { @$_ } @{ $select->fetchall_arrayref }], ["it's \\ 100% $round", $round + 2]);
            same($c->do('DELETE FROM items WHERE id = ?', undef, $id), 1);
        }
        my $s = $c->prepare('SELECT id FROM items WHERE id > ? ORDER BY id LIMIT ?');
        $s->bind_param(1, 0, SQL_INTEGER);
        $s->bind_param(2, 2, SQL_INTEGER);
        $s->execute;
        same(scalar @{ $s->fetchall_arrayref }, 2);
    }, $way);
    run("transaction_$how", sub {
        my ($c) = @_;
        my $other = connected(0);
        $c->do('DELETE FROM items');
        for (['rollback', 0], ['commit', 4]) {
            my ($end, $left) = @$_;
            $c->begin_work;
            $c->do('INSERT INTO items (title, points) VALUES (?, ?)', undef, "t$_", $_) for 0 .. 3;
            same([value($c, 'SELECT COUNT(*) FROM items'), value($other, 'SELECT COUNT(*) FROM items')], [4, 0]);
            $c->$end;
            same(value($other, 'SELECT COUNT(*) FROM items'), $left);
        }
        $c->{AutoCommit} = 0;
        $c->do('DELETE FROM items');
        $c->rollback;
        same(value($other, 'SELECT COUNT(*) FROM items'), 4);
        $c->{AutoCommit} = 1;
        $other->disconnect;
    }, $way);
    run("types_$how", sub {
        my ($c) = @_;
        $c->do('DELETE FROM things');
        my $list = join ', ', @names;
        my $s = $c->prepare("INSERT INTO things (id, $list) VALUES (?" . ', ?' x @names . ')');
        for my $id (0 .. 7) {
            $s->bind_param(1, $id, SQL_INTEGER);
            bind_all($s, 2, map { [$names[$_], $wanted[$_]] } 0 .. $#names);
            $s->execute;
        }
        $c->do('INSERT INTO things (id) VALUES (?)', undef, 8);
        my @row = $c->selectrow_array("SELECT $list FROM things WHERE id = ?", undef, 5);
        for my $i (0 .. $#names) {
            my $got = $row[$i];
            $got = $got + 0 if $names[$i] =~ /ratio|fraction/;
            my $want = $names[$i] =~ /ratio|fraction/ ? $wanted[$i] + 0 : $wanted[$i];
            # A BIT column is bytes in text and a number from a prepared statement of DBD::mysql.
            $got = pack('n', $got) if $names[$i] eq 'bits' && $got =~ /^\d+$/;
            same($got, $want, $names[$i]);
        }
        my $merged = $c->selectall_arrayref("SELECT $list FROM things WHERE id < ? ORDER BY id", undef, 8);
        same(scalar @$merged, 8);
        same($_, \@row) for @$merged;
        same([$c->selectrow_array("SELECT $list FROM things WHERE id = ?", undef, 8)], [map { undef } @names]);
    }, $way);
    run("error_$how", sub {
        my ($c) = @_;
        $c->do("INSERT INTO items (title) VALUES ('first')");
        my $id = insert_id($c);
        fails($c, 1062, '23000', sub { $c->do('INSERT INTO items (id, title) VALUES (?, ?)', undef, $id, 'again') });
        fails($c, 1146, '42S02', sub { $c->selectall_arrayref('SELECT * FROM not_there WHERE id = ?', undef, 1) });
        fails($c, 1064, '42000', sub { $c->do('SELEC ?', undef, 1) });
        same(value($c, 'SELECT 1'), 1);
    }, $way);
    for ([1, '1m'], [20, '20m']) {
        my ($size, $name) = @$_;
        run("big_${name}_$how", sub {
            my ($c) = @_;
            my $body = $wanted[0] x ($size * 4096);
            my $s = $c->prepare('REPLACE INTO big (id, body) VALUES (?, ?)');
            $s->bind_param(1, 1, SQL_INTEGER);
            $s->bind_param(2, $body, SQL_BLOB);
            $s->execute;
            $c->{LongReadLen} = $size << 20;
            die "the bytes differ\n" if value($c, 'SELECT body FROM big WHERE id = ?', 1) ne $body;
        }, $way);
    }
    run("stream_$how", sub {
        my ($c) = @_;
        $c->do('DELETE FROM many');
        for my $start (map { $_ * 1000 } 0 .. 9) {
            $c->do('INSERT INTO many VALUES ' . join(', ', map { "($_, 'word $_')" } $start .. $start + 999));
        }
        # DBD::mysql streams text only; DBD::MariaDB 1.22 gives no rows that way, and reads them all first.
        my $s = $c->prepare('SELECT id, word FROM many WHERE id >= ? ORDER BY id', $is_mysql && !$way ? { mysql_use_result => 1 } : {});
        $s->execute(0);
        my $n = 0;
        while (my $row = $s->fetchrow_arrayref) {
            same($row, [$n, "word $n"]);
            $n++;
        }
        same($n, 10000);
    }, $way);
    run("procedure_$how", sub {
        my ($c) = @_;
        $c->do('DROP PROCEDURE IF EXISTS two');
        $c->do('CREATE PROCEDURE two(IN n INT) BEGIN SELECT n AS a; SELECT n + 1 AS b UNION SELECT n + 2; END');
        my $s = $c->prepare('CALL two(?)');
        $s->bind_param(1, 5, SQL_INTEGER);
        $s->execute;
        my @found;
        do { push @found, map { $_->[0] } @{ $s->fetchall_arrayref } if $s->{NUM_OF_FIELDS} } while ($way ? 0 : $s->more_results);
        same(\@found, $way ? [5] : [5, 6, 7]);         # these drivers read only the first result set of a prepared CALL
    }, $way) unless $sharded || $way;
}
run('multi_statements', sub {
    my ($c) = @_;
    my $s = $c->prepare("SELECT 1; SELECT COUNT(*) FROM many; SELECT 'end'");
    $s->execute;
    my @found;
    do { push @found, $s->fetchrow_array } while $s->more_results;
    same(\@found, [1, 10000, 'end']);
}, 0, ($is_mysql ? (mysql_multi_statements => 1) : (mariadb_multi_statements => 1)));
run('reconnect', sub {
    my ($c) = @_;
    my $id = value($c, 'SELECT CONNECTION_ID()');
    my $other = connected(0);
    $other->do("KILL $id");
    die "the killed connection answers\n" if eval { value($c, 'SELECT 1'); 1 };
    same([grep { $_ == $c->err } 2006, 2013, 1927, 1317], [$c->err], 'error');
    same(value(connected(0), 'SELECT DATABASE()'), $schema);
    $other->disconnect;
});
run('auto_reconnect', sub {
    my ($c) = @_;
    my $id = value($c, 'SELECT CONNECTION_ID()');
    $c->{"${lower}_auto_reconnect"} = 1;
    connected(0)->do("KILL $id");
    $c->ping for 1 .. 2;
    same(value($c, 'SELECT DATABASE()'), $schema);
    die "the connection was not killed\n" if value($c, 'SELECT CONNECTION_ID()') == $id;
});
print "done\n";
