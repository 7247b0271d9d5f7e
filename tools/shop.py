"""shop.py - the sample shop of tools/quickstart: servers, schema, rows and tour. Everything but the servers goes through Weir.

    .quickstart/s0 s1 s2    three MariaDB servers on ports 4411 to 4413
    .quickstart/weir        Weir on 4406 with conf/examples/shop.yaml: its pid and its log

The rows are made from a fixed seed, so that every machine has the same shop.
"""
import os
import random
import shutil
import subprocess
import sys
import time

sys.dont_write_bytecode = True
from servers import Mariadb, Trouble, Weir, port_answers, port_owner  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HOME = os.path.join(ROOT, '.quickstart')
PORT = 4406
SOURCE_PORTS = {'s0': 4411, 's1': 4412, 's2': 4413}
CUSTOMERS, ORDERS, PRODUCTS = 10_000, 100_000, 500

SCHEMA = '''
CREATE DATABASE IF NOT EXISTS shop;
USE shop;
CREATE TABLE IF NOT EXISTS countries (
  code CHAR(2) NOT NULL PRIMARY KEY,
  name VARCHAR(60) NOT NULL,
  region VARCHAR(20) NOT NULL
);
CREATE TABLE IF NOT EXISTS products (
  product_id INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name VARCHAR(60) NOT NULL,
  category VARCHAR(20) NOT NULL,
  price DECIMAL(8,2) NOT NULL,
  KEY (category)
);
CREATE TABLE IF NOT EXISTS customers (
  customer_id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name VARCHAR(60) NOT NULL,
  email VARCHAR(90) NOT NULL,
  country CHAR(2) NOT NULL,
  joined_at DATETIME NOT NULL,
  KEY (country)
);
CREATE TABLE IF NOT EXISTS orders (
  order_id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  customer_id BIGINT NOT NULL,
  status ENUM('new','paid','sent','returned') NOT NULL DEFAULT 'new',
  ordered_at DATETIME NOT NULL,
  total DECIMAL(12,2) NOT NULL DEFAULT 0,
  KEY (customer_id, ordered_at)
);
CREATE TABLE IF NOT EXISTS order_items (
  item_id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  order_id BIGINT NOT NULL,
  line_no INT NOT NULL,
  customer_id BIGINT NOT NULL,
  product_id INT NOT NULL,
  quantity INT NOT NULL,
  price DECIMAL(8,2) NOT NULL,
  KEY (customer_id, order_id)
);
'''

COUNTRIES = [('at', 'Austria', 'Europe'), ('au', 'Australia', 'Oceania'), ('br', 'Brazil', 'America'),
             ('ca', 'Canada', 'America'), ('de', 'Germany', 'Europe'), ('eg', 'Egypt', 'Africa'),
             ('fr', 'France', 'Europe'), ('in', 'India', 'Asia'), ('jp', 'Japan', 'Asia'), ('ke', 'Kenya', 'Africa'),
             ('mx', 'Mexico', 'America'), ('us', 'United States', 'America')]
FIRST = ('Ada Ben Cleo Dan Eva Finn Gina Hugo Ida Jon Kira Leo Mia Nils Ona Paul Rosa Sam Tea Udo Vera Wim Yara '
         'Zoe').split()
LAST = ('Adler Berg Costa Dietz Endo Fuchs Garcia Huber Ito Jansen Koch Lopez Meyer Novak Otto Park Quinn Rossi Sato '
        'Tanaka Ueda Vogel Weber Young').split()
CATEGORIES = {'books': 'Atlas Novel Diary Reader', 'garden': 'Rake Spade Trowel Hose', 'kitchen': 'Pan Kettle Knife Bowl',
              'music': 'Drum Flute Violin Horn', 'toys': 'Kite Robot Puzzle Train'}

TOUR = [
    ('One customer: the key names the shard.', 'SELECT * FROM customers WHERE customer_id = 4711'),
    ("One customer's latest orders.",
     'SELECT order_id, status, ordered_at, total FROM orders WHERE customer_id = 4711 ORDER BY ordered_at DESC LIMIT 3'),
    ('A join of co-located tables and a broadcast table stays inside the shard.',
     'SELECT c.name, n.name AS country, o.order_id, i.line_no, i.quantity, i.price FROM customers c '
     'JOIN countries n ON n.code = c.country JOIN orders o ON o.customer_id = c.customer_id '
     'JOIN order_items i ON i.customer_id = o.customer_id AND i.order_id = o.order_id '
     'WHERE c.customer_id = 42 ORDER BY o.order_id, i.line_no LIMIT 4'),
    ('A list of keys reaches only their shards.',
     'SELECT customer_id, name FROM customers WHERE customer_id IN (1, 2, 3) ORDER BY customer_id'),
    ('Counted on every shard, added up by Weir.', 'SELECT COUNT(*), MIN(ordered_at), MAX(ordered_at) FROM orders'),
    ('Groups of all shards become one; sums of DECIMAL and averages are exact.',
     'SELECT status, COUNT(*) AS orders, SUM(total) AS total, AVG(total) AS average FROM orders GROUP BY status ORDER BY status'),
    ('A merge by order: each shard sends its first five, Weir the first five of all.',
     'SELECT order_id, customer_id, total FROM orders ORDER BY total DESC, order_id LIMIT 5'),
    ('The join runs on every shard at once, grouped over all.',
     'SELECT n.region, COUNT(*) AS customers FROM customers c JOIN countries n ON n.code = c.country '
     'GROUP BY n.region ORDER BY n.region'),
    ('A table that lives whole on one server.',
     'SELECT category, COUNT(*) AS products, AVG(price) AS price FROM products GROUP BY category ORDER BY category'),
    ('A generated id, as AUTO_INCREMENT of one table.',
     "INSERT INTO orders (customer_id, ordered_at, total) VALUES (1, '2024-06-01 12:00:00', 9.99), "
     "(2, '2024-06-01 12:00:00', 19.99), (3, '2024-06-01 12:00:00', 29.99)"),
    ('All or nothing on several servers.', "UPDATE orders SET status = 'paid' WHERE customer_id IN (1, 2, 3) AND ordered_at = '2024-06-01 12:00:00'"),
    ('The three go again, so that the tour can be repeated.',
     "DELETE FROM orders WHERE customer_id IN (1, 2, 3) AND ordered_at = '2024-06-01 12:00:00'"),
    ('What Weir cannot do right it refuses, with the reason.', 'UPDATE orders SET customer_id = 2 WHERE customer_id = 1'),
]


def boxes():
    return {name: Mariadb(os.path.join(HOME, name), port) for name, port in SOURCE_PORTS.items()}


def weir():
    return Weir(os.path.join(ROOT, 'build/release/weir'), os.path.join(HOME, 'weir'),
                os.path.join(ROOT, 'conf/examples/shop.yaml'), PORT)


def say(text):
    print(text, flush=True)


# ---- start and stop ------------------------------------------------------------------------------------------------

def check_ports():
    """Before anything starts: a port that something else holds is said at once, all of them together."""
    wanted = {PORT: weir().pid()}
    wanted.update({box.port: box.pid() for box in boxes().values()})
    taken = [port for port, pid in sorted(wanted.items()) if pid is None and port_answers(port)]
    if taken:
        raise Trouble('\n'.join(f'Port {port} is taken by process {port_owner(port)}: stop it, then run this again.'
                                for port in taken))


def start():
    check_ports()
    os.makedirs(HOME, exist_ok=True)
    servers = boxes()
    first = servers['s0']
    first.create()
    for name, box in servers.items():
        if first.pid() is None:                       # a copy takes a tenth of the time; only of one that does not run
            box.create(template=first.data)
    for name, box in servers.items():
        if box.pid():
            continue
        say(f'Starting MariaDB {name} on 127.0.0.1:{box.port} ...')
        box.start(wait=False)
    for box in servers.values():
        box.wait()
    proxy = weir()
    if not proxy.pid():
        say(f'Starting Weir on 127.0.0.1:{PORT} ...')
        proxy.start()
    fill()
    tour()
    say(f'''
Weir runs on 127.0.0.1:{PORT}, user app, password app, database shop:

    mariadb -h 127.0.0.1 -P {PORT} -u app -papp shop

Its rules: conf/examples/shop.yaml    its log: .quickstart/weir/weir.out
tools/quickstart stop ends it; tools/quickstart clean removes the data as well.''')


def stop():
    ended = weir().stop()
    for box in boxes().values():
        ended |= box.stop()
    say('Stopped.' if ended else 'Nothing was running.')


def clean():
    stop()
    shutil.rmtree(HOME)
    say('Removed .quickstart/.')


# ---- the client ----------------------------------------------------------------------------------------------------

CLIENT = ['mariadb', '--no-defaults', '-h', '127.0.0.1', '-P', str(PORT), '-u', 'app', '-papp']


def run(sql, *options, database='shop'):
    """Runs SQL with the stock client through Weir: (exit code, output with any error)."""
    done = subprocess.run([*CLIENT, *options, *([database] if database else [])], input=sql, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout


def must(sql, *options, database='shop'):
    code, output = run(sql, *options, database=database)
    if code != 0:
        raise Trouble(f'Through Weir: {sql.strip()[:200]}\n{output}')
    return output


# ---- rows ----------------------------------------------------------------------------------------------------------

def shop_rows():
    """The shop, table by table in the order of need: (table, columns, iterator over rows as SQL text)."""
    r = random.Random(2024)
    prices = []

    def products():
        for i in range(1, PRODUCTS + 1):
            category = sorted(CATEGORIES)[i % len(CATEGORIES)]
            thing = r.choice(CATEGORIES[category].split())
            prices.append(r.randint(199, 19999))
            yield f"({i},'{thing} no. {i}','{category}',{prices[-1] / 100:.2f})"

    def customers():
        for i in range(1, CUSTOMERS + 1):
            first, last = r.choice(FIRST), r.choice(LAST)
            yield (f"({i},'{first} {last}','{first}.{last}.{i}@example.com','{r.choice(COUNTRIES)[0]}',"
                   f"'{moment(r, 2020, 2023)}')")

    # An order is made once and remembered for its items, which follow in a table of their own.
    items = []

    def orders():
        for i in range(1, ORDERS + 1):
            customer, total = r.randint(1, CUSTOMERS), 0
            for line in range(1, r.choice((1, 1, 2, 2, 3, 3, 4, 4)) + 1):
                product, quantity = r.randint(1, PRODUCTS), r.choice((1, 1, 1, 2, 3))
                price = prices[product - 1]
                total += price * quantity
                items.append((i, line, customer, product, quantity, price))
            status = r.choices(('new', 'paid', 'sent', 'returned'), (5, 15, 75, 5))[0]
            yield f"({i},{customer},'{status}','{moment(r, 2023, 2024)}',{total / 100:.2f})"

    def order_items():
        for order, line, customer, product, quantity, price in items:
            yield f'({order},{line},{customer},{product},{quantity},{price / 100:.2f})'

    yield 'countries', 'code,name,region', (f"('{c}','{n}','{g}')" for c, n, g in COUNTRIES)
    yield 'products', 'product_id,name,category,price', products()
    yield 'customers', 'customer_id,name,email,country,joined_at', customers()
    yield 'orders', 'order_id,customer_id,status,ordered_at,total', orders()
    yield 'order_items', 'order_id,line_no,customer_id,product_id,quantity,price', order_items()


def moment(r, first_year, last_year):
    return (f'{r.randint(first_year, last_year)}-{r.randint(1, 12):02}-{r.randint(1, 28):02} '
            f'{r.randint(0, 23):02}:{r.randint(0, 59):02}:{r.randint(0, 59):02}')


def expected_counts():
    """Rows of each table; the number of items follows from the seed, so it is counted."""
    return {table: sum(1 for _ in rows) for table, _, rows in shop_rows()}


def counts():
    out = must('; '.join(f"SELECT '{t}', COUNT(*) FROM {t}" for t in
                         ('countries', 'products', 'customers', 'orders', 'order_items')), '--batch', '-N')
    return {line.split('\t')[0]: int(line.split('\t')[1]) for line in out.splitlines()}


def fill():
    must(SCHEMA, database='')
    wanted = expected_counts()
    if counts() == wanted:
        say('The shop is filled already.')
        return
    total = sum(wanted.values())
    say(f'Filling the shop through Weir: {total:,} rows ...')
    must(''.join(f'TRUNCATE TABLE {table};' for table in wanted))
    began, done = time.monotonic(), 0
    client = subprocess.Popen([*CLIENT, '--batch', 'shop'], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
    try:
        for table, columns, rows in shop_rows():
            batch = []
            for row in rows:
                batch.append(row)
                if len(batch) == 1000:
                    done += send(client, table, columns, batch)
                    progress(table, done, total, began)
            if batch:
                done += send(client, table, columns, batch)
            progress(table, done, total, began)
        output = client.communicate()[0]
    except BrokenPipeError:
        output = client.stdout.read()
        client.wait()
    if sys.stderr.isatty():
        print(file=sys.stderr)
    if client.returncode != 0:
        raise Trouble(f'Loading failed: {output.strip()[-500:]}')
    found = counts()
    if found != wanted:
        raise Trouble(f'Loaded {found}, expected {wanted}')
    say(f'Filled in {time.monotonic() - began:.0f} s: ' + ', '.join(f'{n:,} {t}' for t, n in found.items()))


def send(client, table, columns, batch):
    client.stdin.write(f'INSERT INTO {table} ({columns}) VALUES {",".join(batch)};\n')
    n = len(batch)
    batch.clear()
    return n


last_shown = [0.0]


def progress(table, done, total, began):
    """One line that is written over on a terminal, a line every few seconds elsewhere."""
    now = time.monotonic()
    terminal = sys.stderr.isatty()
    if now - last_shown[0] < (0.2 if terminal else 5) and done < total:
        return
    last_shown[0] = now
    print(f'{chr(13) if terminal else ""}  {100 * done // total:3} %  {done:,} rows, now {table}, {now - began:.0f} s   ',
          end='' if terminal else '\n', file=sys.stderr, flush=True)


# ---- tour ----------------------------------------------------------------------------------------------------------

def tour():
    say('\nA tour. Each statement, where Weir sends it, and its answer.')
    for number, (essay, statement) in enumerate(TOUR, 1):
        say(f'\n{number}. {essay}\n\n  {statement};\n')
        _, route = run(f'EXPLAIN ROUTE {statement}', '--batch', '--raw', '-N')
        say('\n'.join('  | ' + line for line in shorten(route.rstrip().splitlines())))
        # LAST_INSERT_ID() shows what the application would see after an INSERT.
        after = '; SELECT ROW_COUNT() AS inserted, LAST_INSERT_ID() AS first_id' if statement.startswith('INSERT') else \
            '; SELECT ROW_COUNT() AS changed' if statement.startswith(('UPDATE', 'DELETE')) else ''
        code, answer = run(statement + after, '--table')
        if code != 0:                                     # without the statement, which the client repeats above an error
            answer = '\n'.join(line for line in answer.splitlines() if line.startswith('ERROR')).replace(' at line 1', '')
        say('\n' + '\n'.join('  ' + line for line in answer.rstrip().splitlines()))


def shorten(lines, limit=9):
    """A scatter over 16 tables repeats itself: the first lines and the last are enough to see it."""
    lines = [line if len(line) <= 150 else line[:147] + '...' for line in lines]
    if len(lines) <= limit:
        return lines
    return [*lines[:limit - 2], f'... {len(lines) - limit + 1} lines more', lines[-1]]


def main():
    try:
        {'start': start, 'stop': stop, 'clean': clean, 'tour': tour}[sys.argv[1]]()
    except Trouble as e:
        print(e, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('\nInterrupted. Running it again goes on; tools/quickstart stop ends what runs.', file=sys.stderr)
        return 130
    return 0


if __name__ == '__main__':
    sys.exit(main())
