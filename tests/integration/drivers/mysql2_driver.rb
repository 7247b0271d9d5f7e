# mysql2_driver.rb - Ruby's mysql2: query is text, prepare the binary protocol.
require 'bigdecimal'
require 'mysql2'

SHARDED = ENV['DRIVER_KIND'] == 'sharded'
TLS = ENV['DRIVER_TLS'] == '1'
ONLY = (ENV['DRIVER_CASES'] || '').split(',')
SCHEMA = ENV['DRIVER_SCHEMA']
BYTES = (0..255).to_a.pack('C*')
VALUES = {
  bytes: BYTES,
  amount: BigDecimal('12345678901234567890123456789012345.123456789012345678901234567890'),
  moment: Time.utc(2024, 2, 29, 23, 59, 59, 123_456),
  biggest: 2**64 - 1,
  lowest: -2**31,
  tiny: -128,
  smallest: -2**63,
  ratio: 0.30000000000000004,
  fraction: -0.15625,
  document: '{"a": [1, null, "ü"], "b": {}}',
  bits: [0x0a, 0xaa].pack('C*'),
  words: "😀 naïve 日本 ' \" \\ %",
  nothing: '',
  missing: nil
}.freeze
NAMES = VALUES.keys.join(', ')

$stdout.sync = true

def connect(**more)
  tls = TLS ? { sslca: ENV['DRIVER_CA'], sslverify: true } : {}
  Mysql2::Client.new(host: ENV['DRIVER_HOST'], port: ENV['DRIVER_PORT'].to_i, username: ENV['DRIVER_USER'], password: ENV['DRIVER_PASSWORD'],
                     database: SCHEMA, encoding: 'utf8mb4', database_timezone: :utc, application_timezone: :utc, cast_booleans: false,
                     read_timeout: 60, **tls, **more)
end

def run(name, **more)
  return if ONLY.any? && ONLY.none? { |w| name == w || name.start_with?("#{w}_") }

  c = connect(**more)
  begin
    yield c
    puts "ok #{name}"
  ensure
    c.close
  end
rescue StandardError => e
  line = (e.backtrace.grep(/mysql2_driver.rb:(\d+):in `(?!same|fails|value)/).first || '')[/:(\d+):/, 1]
  puts "not ok #{name}: #{e.class} at line #{line}: #{e.message[0, 300].gsub(/\s+/, ' ')}"
end

def same(got, want, what = '')
  raise "#{what} #{want.inspect[0, 150]} expected, #{got.inspect[0, 150]} came" unless got == want
end

def value(client, sql)
  row = client.query(sql, as: :array).first
  row && row[0]
end

def with(client, sql, *params)
  client.prepare(sql).execute(*params)
end

def fails(code, state)
  yield
rescue Mysql2::Error => e
  same([e.error_number, e.sql_state], [code, state], e.message)
else
  raise "error #{code} expected, none came"
end

# The statement as text, with its parameters escaped as an application would.
def text(client, sql, *params)
  literals = params.map do |p|
    case p
    when nil then 'NULL'
    when Time then "'#{p.strftime('%F %T.%6N')}'"
    when BigDecimal then p.to_s('F')
    when String then p.encoding == Encoding::BINARY ? "x'#{p.unpack1('H*')}'" : "'#{client.escape(p)}'"
    else p.to_s
    end
  end
  client.query(sql.gsub('?') { literals.shift })
end

run('connect') do |c|
  same(value(c, 'SELECT DATABASE()'), SCHEMA)
  same(value(c, 'SELECT CONNECTION_ID()'), c.thread_id)
  same(c.ping, true)
end
run('tls') { |c| same(c.ssl_cipher.to_s.empty?, false) } if TLS
run('ddl') do |c|
  File.read('tables.sql').gsub(/^--.*\n/, '').split(";\n").reject { |s| s.strip.empty? }.each { |sql| c.query(sql) }
  c.query('ALTER TABLE items ADD COLUMN note VARCHAR(20) NULL')
  same(c.query('SHOW COLUMNS FROM items').map { |r| r['Field'] }, %w[id title points note])
  c.query('ALTER TABLE items DROP COLUMN note')
end
run('generated_id') do |c|
  c.query("INSERT INTO items (title) VALUES ('one')")
  id = c.last_id
  same(value(c, 'SELECT LAST_INSERT_ID()'), id)
  c.query("INSERT INTO items (title) VALUES ('a'), ('b'), ('c')")
  same(c.affected_rows, 3)
  same(value(c, "SELECT title FROM items WHERE id = #{c.last_id + 2}"), 'c')
  s = c.prepare('INSERT INTO items (title) VALUES (?)')
  s.execute('prepared')
  same(value(c, "SELECT title FROM items WHERE id = #{s.last_id}"), 'prepared')
end
{ 'text' => method(:text), 'prepared' => method(:with) }.each do |how, send|
  run("crud_#{how}") do |c|
    12.times do |round|
      send.call(c, 'INSERT INTO items (title, points) VALUES (?, ?)', "it's \\ 100% #{round}", round)
      id = value(c, 'SELECT LAST_INSERT_ID()')
      send.call(c, 'UPDATE items SET points = points + ? WHERE id = ?', 2, id)
      same(send.call(c, 'SELECT title, points FROM items WHERE id = ?', id).to_a, [{ 'title' => "it's \\ 100% #{round}", 'points' => round + 2 }])
      send.call(c, 'DELETE FROM items WHERE id = ?', id)
      same(send.call(c, 'SELECT title FROM items WHERE id = ?', id).to_a, [])
    end
    same(send.call(c, 'SELECT id FROM items WHERE id > ? ORDER BY id LIMIT ?', 0, 2).count, 2)
  end
  run("types_#{how}") do |c|
    c.query('DELETE FROM things')
    8.times { |id| send.call(c, "INSERT INTO things (id, #{NAMES}) VALUES (?#{', ?' * VALUES.size})", id, *VALUES.values) }
    send.call(c, 'INSERT INTO things (id) VALUES (?)', 8)
    row = send.call(c, "SELECT #{NAMES} FROM things WHERE id = ?", 5).first
    VALUES.each { |name, want| same(row[name.to_s], want, name.to_s) }
    merged = send.call(c, "SELECT #{NAMES} FROM things WHERE id < ? ORDER BY id", 8).to_a
    same(merged, [row] * 8)
    send.call(c, "SELECT #{NAMES} FROM things WHERE id = ?", 8).first.each { |name, got| same(got, nil, name) }
  end
  run("error_#{how}") do |c|
    c.query("INSERT INTO items (title) VALUES ('first')")
    id = c.last_id
    fails(1062, '23000') { send.call(c, 'INSERT INTO items (id, title) VALUES (?, ?)', id, 'again') }
    fails(1146, '42S02') { send.call(c, 'SELECT * FROM not_there WHERE id = ?', 1) }
    fails(1064, '42000') { send.call(c, 'SELEC ?', 1) }
    same(value(c, 'SELECT 1'), 1)
  end
  [['1m', 1 << 20], ['20m', 20 << 20]].each do |name, size|
    run("big_#{name}_#{how}") do |c|
      body = BYTES * (size / 256)
      send.call(c, 'REPLACE INTO big (id, body) VALUES (?, ?)', 1, body)
      raise 'the bytes differ' unless send.call(c, 'SELECT body FROM big WHERE id = ?', 1).first['body'] == body
    end
  end
  run("transaction_#{how}") do |c|
    other = connect
    c.query('DELETE FROM items')
    [['ROLLBACK', 0], ['COMMIT', 4]].each do |ending, left|
      c.query('BEGIN')
      4.times { |i| send.call(c, 'INSERT INTO items (title, points) VALUES (?, ?)', "t#{i}", i) }
      same([value(c, 'SELECT COUNT(*) FROM items'), value(other, 'SELECT COUNT(*) FROM items')], [4, 0])
      c.query(ending)
      same(value(other, 'SELECT COUNT(*) FROM items'), left)
    end
    other.close
  end
end
run('stream') do |c|
  10.times { |k| c.query("INSERT INTO many VALUES #{(k * 1000...(k + 1) * 1000).map { |i| "(#{i}, 'word #{i}')" }.join(', ')}") }
  n = 0
  c.query('SELECT id, word FROM many ORDER BY id', stream: true, cache_rows: false, as: :array).each do |row|
    same(row, [n, "word #{n}"])
    n += 1
  end
  same(n, 10_000)
end
run('stream_prepared') do |c|
  n = 5000
  c.prepare('SELECT id FROM many WHERE id >= ? ORDER BY id').execute(5000, stream: true, cache_rows: false, as: :array).each do |row|
    same(row, [n])
    n += 1
  end
  same(n, 10_000)
end
run('multi_statements', flags: Mysql2::Client::MULTI_STATEMENTS) do |c|
  found = [c.query("SELECT 1; DELETE FROM items WHERE id = -1; SELECT 'end'", as: :array).to_a]
  while c.next_result
    r = c.store_result
    found << r.map { |row| row.is_a?(Hash) ? row.values : row } if r
  end
  same([found.first, found.last], [[[1]], [['end']]])
end
unless SHARDED
  run('procedure', flags: Mysql2::Client::MULTI_STATEMENTS) do |c|
    c.query('DROP PROCEDURE IF EXISTS two')
    c.query('CREATE PROCEDURE two(IN n INT) BEGIN SELECT n AS a; SELECT n + 1 AS b UNION SELECT n + 2; END')
    found = [c.query('CALL two(5)').map { |r| r.values[0].to_i }]
    while c.next_result
      r = c.store_result
      found << r.map { |row| row.values[0].to_i } if r
    end
    same(found, [[5], [6, 7]])
  end
end
run('async') do |c|
  c.query('SELECT SLEEP(0.05), 7 AS n', async: true)
  same(c.async_result.first['n'], 7)
end
run('reconnect') do |c|
  other = connect
  other.query("KILL #{c.thread_id}")
  other.close
  begin
    c.query('SELECT 1')
  rescue Mysql2::Error => e
    same([2006, 2013, 1927, 1317].include?(e.error_number), true, e.error_number.to_s)
  else
    raise 'the killed connection answers'
  end
  again = connect
  same(value(again, 'SELECT DATABASE()'), SCHEMA)
  again.close
end
puts 'done'
