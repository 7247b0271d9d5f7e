/*
 * keys.h - every key of a rule file, once: the reader, the unknown-key hints, `weir help rules` and
 * docs/rules.md all come from these lists.
 *
 *   CONF_SECTIONS  S(id, path, essay)                                      a mapping with fixed keys
 *   CONF_KEYS      K(section, id, name, type, low, high, words, default, meaning)
 *   CONF_FOREIGN   F(section or ANY, foreign word, what to write here)      words of other proxies, for the
 * hints
 *
 * `words` are the values a K_WORD takes, in the order of its enum, or for a number the words that stand for
 * 0. `default` is read by the same function as a value in the file, so that what is printed is what happens;
 * REQUIRED means that the key must be there, "" that there is none. Low and high are in the base unit (bytes,
 * ms).
 */
#ifndef WEIR_CONF_KEYS_H
#define WEIR_CONF_KEYS_H

#define REQUIRED "(required)"

/* clang-format off */
#define CONF_SECTIONS(S) \
  S(TOP, "", "Sections may come in any order. A key that begins with `x-` is ignored: a place for anchors that are used elsewhere.") \
  S(WEIR, "weir", "The process: where it listens, its caps, its time-outs, its log.") \
  S(TLS, "weir.tls", "The certificate that clients see. With it TLS is offered to every client; `require_tls` of a user demands it. " \
    "The files are PEM, their paths relative to the rule file; a reload reads them again and ends no session.") \
  S(LOG, "weir.log", "Where events are written, and how.") \
  S(USER, "users.NAME", "An account that clients log in with. One of the five ways to give the password is used; with " \
    "none, the account has no password and a warning says so.") \
  S(SOURCE, "sources.NAME", "A MySQL or MariaDB server. The name is used by schemas, tables and sequences; it stays when " \
    "the server moves to another address.") \
  S(SERVER_TLS, "sources.NAME.tls", "TLS toward a server. `tls: on` is the short form of {mode: on}. The files are PEM, their paths relative " \
    "to the rule file.") \
  S(SCHEMA, "schemas.NAME", "A database as clients see it.") \
  S(TABLE, "schemas.NAME.tables.NAME", "A table as clients see it. With `nodes` it is sharded, with `broadcast` every one of " \
    "the sources has a copy, with `source` (or neither) it lives whole on one source.") \
  S(GENERATED, "schemas.NAME.tables.NAME.generated", "The column that behaves as AUTO_INCREMENT. Only the column's name may " \
    "be written instead: the sequence is then the one named after the table, made on the default source of the schema when " \
    "`sequences` does not list it.") \
  S(ALGORITHM, "algorithms.NAME", "How the value of the shard column chooses the node. The same keys may be written inline " \
    "as the `algorithm` of a table. A value that no node takes is refused with an error; it never goes everywhere.") \
  S(RANGE, "algorithms.NAME.ranges[]", "One range of a `range` algorithm: from is in it, to is not.") \
  S(SEQUENCE, "sequences.NAME", "Ids in segments from a table on a source: the row `name, max_id, step, description, update_time` " \
    "is locked only while a segment is taken.")

#define CONF_KEYS(K) \
  K(TOP, WEIR, "weir", K_SECTION, 0, 0, "", REQUIRED, "the process: its listeners, caps, time-outs, log") \
  K(TOP, USERS, "users", K_SECTIONS, 0, 0, "", "", "accounts of the clients, by name") \
  K(TOP, SOURCES, "sources", K_SECTIONS, 0, 0, "", REQUIRED, "the MySQL and MariaDB servers, by name") \
  K(TOP, SCHEMAS, "schemas", K_SECTIONS, 0, 0, "", "", "the databases that clients see, by name") \
  K(TOP, ALGORITHMS, "algorithms", K_SECTIONS, 0, 0, "", "", "sharding algorithms, by name") \
  K(TOP, SEQUENCES, "sequences", K_SECTIONS, 0, 0, "", "", "generators of ids, by name") \
  \
  K(WEIR, LISTEN, "listen", K_ADDRESSES, 0, 0, "", REQUIRED, "where clients connect: `host:port`, `[::1]:port` or `unix:/path`; one or a list") \
  K(WEIR, WORKERS, "workers", K_COUNT, 1, 1024, "auto", "auto", "worker threads; auto is one a core") \
  K(WEIR, SERVER_VERSION, "server_version", K_TEXT, 0, 0, "", "", "version told to clients; without it, that of the default source of the first schema") \
  K(WEIR, MAX_CONNECTIONS, "max_connections", K_COUNT, 1, 1000000, "", "10000", "clients of the whole process; one more gets error 1040") \
  K(WEIR, MAX_PACKET, "max_packet", K_SIZE, 1024, 1073741824, "", "64M", "longest command of a client, as max_allowed_packet") \
  K(WEIR, MAX_STATEMENT_MEMORY, "max_statement_memory", K_SIZE, 65536, 1099511627776, "", "64M", "memory that one statement may hold while its results are merged; beyond it the statement is refused") \
  K(WEIR, MAX_PLANS, "max_plans", K_COUNT, 1, 10000000, "", "4096", "statement shapes whose plans a worker keeps") \
  K(WEIR, LOGIN_TIMEOUT, "login_timeout", K_DURATION, 1, 86400000, "", "10s", "a client must have logged in after this time") \
  K(WEIR, CONNECT_TIMEOUT, "connect_timeout", K_DURATION, 1, 3600000, "", "5s", "a server must have accepted our login after this time") \
  K(WEIR, WAIT_TIMEOUT, "wait_timeout", K_DURATION, 1000, 31536000000, "", "8h", "an idle client is disconnected after this time") \
  K(WEIR, STATEMENT_TIMEOUT, "statement_timeout", K_DURATION, 1, 31536000000, "none", "none", "a statement that takes longer is ended with an error") \
  K(WEIR, POOL_WAIT, "pool_wait", K_DURATION, 1, 3600000, "", "10s", "how long a statement waits for a server connection when all of a source are in use") \
  K(WEIR, DRAIN_TIMEOUT, "drain_timeout", K_DURATION, 1, 86400000, "none", "30s", "at a stop, how long running transactions may go on; none ends them at once") \
  K(WEIR, SLOW_STATEMENT, "slow_statement", K_DURATION, 1, 31536000000, "off", "1s", "statements that take at least this long are logged with their plan") \
  K(WEIR, SCATTER, "scatter", K_WORD, 0, 0, "allow|deny", "allow", "deny refuses a statement that would go to several shards") \
  K(WEIR, TRANSACTIONS, "transactions", K_WORD, 0, 0, "single|best_effort", "single", "a transaction that writes on a second server is refused (single), or commits server by server (best_effort: a crash between two commits leaves half of it)") \
  K(WEIR, INTERACTIVE_TIMEOUT, "interactive_timeout", K_DURATION, 1000, 31536000000, "", "8h", "wait_timeout of clients that call themselves interactive, as the mysql program does") \
  K(WEIR, TLS, "tls", K_SECTION, 0, 0, "", "", "TLS toward clients") \
  K(WEIR, PROXY_PROTOCOL, "proxy_protocol", K_NETWORKS, 0, 0, "", "", "networks of load balancers that begin each connection with a PROXY header (version 1 or 2), which tells the client's own address: `10.0.0.0/8`, `::1`, `unix`; one or a list. From there a connection without the header is refused") \
  K(WEIR, COMPRESSION, "compression", K_WORDS, 0, 0, "zlib|zstd|none", "[zlib, zstd]", "compression offered to clients; none offers none") \
  K(WEIR, FAILED_LOGINS, "failed_logins", K_COUNT, 1, 1000000, "off", "10", "after this many failed logins in a row from one address, the answer to each further login from there waits failed_login_delay") \
  K(WEIR, FAILED_LOGIN_DELAY, "failed_login_delay", K_DURATION, 1, 60000, "", "1s", "how long that answer waits") \
  K(WEIR, MAX_PREPARED, "max_prepared_statements", K_COUNT, 0, 4194304, "", "16382", "prepared statements of all clients, as max_prepared_stmt_count; one more gets error 1461") \
  K(WEIR, MAX_SESSION_PREPARED, "max_session_prepared_statements", K_COUNT, 0, 4194304, "", "4096", "prepared statements of one client; one more gets error 1461") \
  K(WEIR, MAX_SERVER_PREPARED, "max_server_prepared_statements", K_COUNT, 1, 16382, "", "100", "statements that are kept prepared on one server connection; the least recently used makes room") \
  K(WEIR, LOG, "log", K_SECTION, 0, 0, "", "", "the log") \
  \
  K(TLS, CERTIFICATE, "certificate", K_TEXT, 0, 0, "", REQUIRED, "file of our certificate, with the chain behind it") \
  K(TLS, KEY, "key", K_TEXT, 0, 0, "", REQUIRED, "file of its private key") \
  K(TLS, CA, "ca", K_TEXT, 0, 0, "", "", "file of the authorities whose client certificates are accepted; needed for require_tls: certificate") \
  K(TLS, MIN_VERSION, "min_version", K_WORD, 0, 0, "1.2|1.3", "1.2", "oldest version of TLS that is accepted") \
  \
  K(LOG, LEVEL, "level", K_WORD, 0, 0, "debug|info|warn|error", "info", "least important level that is written") \
  K(LOG, FORMAT, "format", K_WORD, 0, 0, "text|json", "text", "one line an event, as text or as a JSON object") \
  K(LOG, FILE, "file", K_TEXT, 0, 0, "", "", "file to append to; without it, standard error") \
  \
  K(USER, PASSWORD, "password", K_SECRET, 0, 0, "", "", "the password as plain text") \
  K(USER, NATIVE, "mysql_native_password", K_SECRET, 0, 0, "", "", "hash as `SELECT PASSWORD('...')` of MariaDB shows it: `*` and 40 hex digits") \
  K(USER, SHA2, "caching_sha2_password", K_SECRET, 0, 0, "", "", "hash as authentication_string of mysql.user in MySQL 8 holds it: `$A$005$`, 20 bytes of salt, 43 of digest") \
  K(USER, ED25519, "client_ed25519", K_SECRET, 0, 0, "", "", "public key as authentication_string of mysql.user in MariaDB holds it: 43 characters of base64") \
  K(USER, FILE, "password_file", K_TEXT, 0, 0, "", "", "file whose first line is the password; relative to the rule file") \
  K(USER, SCHEMAS, "schemas", K_NAMES, 0, 0, "all", "all", "schemas that the account may use: all, one or a list") \
  K(USER, MAX_CONNECTIONS, "max_connections", K_COUNT, 1, 1000000, "none", "none", "clients logged in with this account at a time") \
  K(USER, REQUIRE_TLS, "require_tls", K_WORD, 0, 0, "no|yes|certificate", "no", "whether the client must use TLS (yes), and show a certificate that weir.tls.ca signed (certificate)") \
  K(USER, ALLOW, "allow", K_NETWORKS, 0, 0, "", "", "where the account may come from: `10.0.0.0/8`, `192.168.1.7`, `2001:db8::/32`, `unix` for Unix sockets; one or a list. Without it, from anywhere") \
  K(USER, DENY, "deny", K_NETWORKS, 0, 0, "", "", "where it may not come from; goes before allow") \
  \
  K(SOURCE, ADDRESS, "address", K_ADDRESS, 0, 0, "", REQUIRED, "the server that takes writes: `host:port` (port 3306 when left out), `[::1]:port` or `unix:/path`") \
  K(SOURCE, REPLICAS, "replicas", K_ADDRESSES, 0, 0, "", "", "its replicas; checked, not read from yet") \
  K(SOURCE, USER, "user", K_TEXT, 0, 0, "", REQUIRED, "account on the server") \
  K(SOURCE, PASSWORD, "password", K_SECRET, 0, 0, "", "", "its password") \
  K(SOURCE, FILE, "password_file", K_TEXT, 0, 0, "", "", "file whose first line is the password; relative to the rule file") \
  K(SOURCE, MAX_CONNECTIONS, "max_connections", K_COUNT, 1, 100000, "", "100", "connections of the whole process to the server; keep it below the server's own max_connections, divided by the number of proxies") \
  K(SOURCE, MIN_IDLE, "min_idle", K_COUNT, 0, 100000, "", "0", "idle connections that are kept open") \
  K(SOURCE, IDLE_TIMEOUT, "idle_timeout", K_DURATION, 1000, 31536000000, "", "10m", "an idle connection beyond min_idle is closed after this time; keep it below the server's wait_timeout") \
  K(SOURCE, TLS, "tls", K_TLS, 0, 0, "off|on|verify_ca|verify_identity", "off", "TLS toward the server: a mode, or a mapping with its files") \
  K(SOURCE, COMPRESSION, "compression", K_WORD, 0, 0, "none|zlib|zstd", "none", "compression toward the server; zstd is for MySQL servers, others get zlib") \
  \
  K(SERVER_TLS, MODE, "mode", K_WORD, 0, 0, "off|on|verify_ca|verify_identity", "verify_identity with a ca, else on", "off; on: encrypted, but whoever answers is believed; verify_ca: its certificate is signed by an authority that we trust; verify_identity: and is for the host's name") \
  K(SERVER_TLS, CA, "ca", K_TEXT, 0, 0, "", "", "file of the authorities that may sign the server's certificate; without it, those that the machine trusts") \
  K(SERVER_TLS, CERTIFICATE, "certificate", K_TEXT, 0, 0, "", "", "file of our certificate toward the server, when it asks for one") \
  K(SERVER_TLS, KEY, "key", K_TEXT, 0, 0, "", "", "file of its private key") \
  K(SERVER_TLS, NAME, "name", K_TEXT, 0, 0, "", "the host of the address", "name that the server's certificate must carry") \
  K(SERVER_TLS, MIN_VERSION, "min_version", K_WORD, 0, 0, "1.2|1.3", "1.2", "oldest version of TLS that is accepted") \
  \
  K(SCHEMA, DEFAULT_SOURCE, "default_source", K_NAME, 0, 0, "", "the only source", "source of the tables that are not listed") \
  K(SCHEMA, DATABASES, "databases", K_MAP, 0, 0, "", "the schema's name", "physical database of this schema: one name for all sources, or a name for each source") \
  K(SCHEMA, TABLES, "tables", K_SECTIONS, 0, 0, "", "", "tables that do not simply live on the default source") \
  K(SCHEMA, GROUPS, "groups", K_LISTS, 0, 0, "", "", "co-located tables, a list for each group: equal shard keys live at the same position, so that joins on the shard key stay inside a shard") \
  \
  K(TABLE, NODES, "nodes", K_PATTERNS, 0, 0, "", "", "physical tables of a sharded table, `source.database.table` (or `source.table`); `${0..3}`, `${00..15}` and `${[a,b]}` count up, the leftmost slowest; one pattern or a list") \
  K(TABLE, SHARD_BY, "shard_by", K_NAMES, 0, 0, "", "", "shard column, or a list of them") \
  K(TABLE, ALGORITHM, "algorithm", K_ALGORITHM, 0, 0, "", "", "a name of `algorithms`, or the algorithm itself as a mapping") \
  K(TABLE, BROADCAST, "broadcast", K_NAMES, 0, 0, "all", "", "sources that hold a copy: all, or a list") \
  K(TABLE, SOURCE, "source", K_NAME, 0, 0, "", "the default source", "source of a table that lives whole on one") \
  K(TABLE, DATABASE, "database", K_NAME, 0, 0, "", "that of the schema on the source", "physical database of a whole or broadcast table") \
  K(TABLE, TABLE, "table", K_NAME, 0, 0, "", "the same name", "physical name of a whole or broadcast table") \
  K(TABLE, GENERATED, "generated", K_GENERATED, 0, 0, "", "", "column that is filled from a sequence: its name, or {column, sequence}") \
  \
  K(GENERATED, COLUMN, "column", K_NAME, 0, 0, "", REQUIRED, "the column") \
  K(GENERATED, SEQUENCE, "sequence", K_NAME, 0, 0, "", "that named after the table", "a name of `sequences`") \
  \
  K(ALGORITHM, TYPE, "type", K_WORD, 0, 0, "mod|hash|range|date|list", REQUIRED, "mod: remainder of a whole number; hash: a stable 64-bit hash of any value; range: boundaries; date: a node for each year, month or day of a DATE or DATETIME (not TIMESTAMP, whose day depends on the reader's time zone); list: named values") \
  K(ALGORITHM, KEY, "key", K_WORD, 0, 0, "integer|string|date|binary|decimal", "integer; hash: any", "how values compare; mod takes integer, date takes date, range and list all but binary") \
  K(ALGORITHM, DIVISOR, "divisor", K_COUNT, 1, 65536, "", "the number of nodes", "mod: must be the number of nodes") \
  K(ALGORITHM, BOUNDARIES, "boundaries", K_LIST, 0, 0, "", "", "range: n+1 rising values for n nodes; each node takes from its value up to, not including, the next; min and max (or null) leave an end open") \
  K(ALGORITHM, RANGES, "ranges", K_LIST, 0, 0, "", "", "range: a list of {from, to, shard} in place of boundaries") \
  K(ALGORITHM, GAPS, "gaps", K_WORD, 0, 0, "deny|allow", "deny", "range: whether values between two ranges may belong to none") \
  K(ALGORITHM, UNIT, "unit", K_WORD, 0, 0, "year|month|day", "month", "date: the unit that is counted") \
  K(ALGORITHM, EVERY, "every", K_COUNT, 1, 100000, "", "1", "date: units that one node takes") \
  K(ALGORITHM, FROM, "from", K_DATE, 0, 0, "", "", "date: first day of the first node, YYYY-MM-DD; needed for date") \
  K(ALGORITHM, TO, "to", K_DATE, 0, 0, "", "as far as the nodes reach", "date: first day that no node takes") \
  K(ALGORITHM, SHARDS, "shards", K_MAP, 0, 0, "", "", "list: for each node, by its position from 0, the values it takes") \
  K(ALGORITHM, CASE_SENSITIVE, "case_sensitive", K_BOOL, 0, 0, "", "false", "strings: false takes 'a' and 'A' as the same value, as a _ci collation does; true is for columns with a binary collation. Spaces at the end never count") \
  \
  K(RANGE, FROM, "from", K_VALUE, 0, 0, "min", "min", "lowest value in the range; min or null: no bound") \
  K(RANGE, TO, "to", K_VALUE, 0, 0, "max", "max", "first value above the range; max or null: no bound") \
  K(RANGE, SHARD, "shard", K_COUNT, 0, 65535, "", "its position", "the node, by its position from 0") \
  \
  K(SEQUENCE, SOURCE, "source", K_NAME, 0, 0, "", "the only source", "source that holds the segment table") \
  K(SEQUENCE, TABLE, "table", K_TEXT, 0, 0, "", "weir.weir_segments", "the segment table, `database.table`") \
  K(SEQUENCE, STEP, "step", K_COUNT, 1, 1000000000, "", "1000", "ids a segment; a restart skips at most the rest of one") \
  K(SEQUENCE, ID_WAIT, "id_wait", K_DURATION, 1, 3600000, "", "3s", "how long an INSERT waits for a segment before it fails")

/* Section ANY: wherever it is found. */
#define CONF_FOREIGN(F) \
  F(TABLE, "actualDataNodes", "nodes") F(TABLE, "datanodes", "nodes") F(TABLE, "dataNode", "nodes") F(TABLE, "shards", "nodes") \
  F(TABLE, "locations", "nodes") F(TABLE, "slices", "nodes") F(TABLE, "node", "nodes") \
  F(TABLE, "databaseStrategy", "algorithm") F(TABLE, "tableStrategy", "algorithm") F(TABLE, "shardingAlgorithmName", "algorithm") \
  F(TABLE, "rule", "algorithm") F(TABLE, "type", "algorithm") F(TABLE, "vindex", "algorithm") F(TABLE, "column_vindexes", "algorithm") \
  F(TABLE, "shardingColumn", "shard_by") F(TABLE, "shardingColumns", "shard_by") F(TABLE, "shard_column", "shard_by") \
  F(TABLE, "key", "shard_by") F(TABLE, "partition_key", "shard_by") F(TABLE, "column", "shard_by") \
  F(TABLE, "keyGenerateStrategy", "generated") F(TABLE, "keyGenerator", "generated") F(TABLE, "auto_increment", "generated") \
  F(TABLE, "autoIncrement", "generated") F(TABLE, "sequence", "generated") \
  F(TABLE, "global", "broadcast") F(TABLE, "reference", "broadcast") F(TABLE, "schema", "database") F(TABLE, "dataSource", "source") \
  F(GENERATED, "keyGeneratorName", "sequence") F(GENERATED, "generator", "sequence") \
  F(ALGORITHM, "sharding-count", "divisor") F(ALGORITHM, "count", "divisor") F(ALGORITHM, "props", "the properties beside `type`") \
  F(ALGORITHM, "sharding-ranges", "boundaries") F(ALGORITHM, "table_row_limit", "boundaries") \
  F(ALGORITHM, "datetime-lower", "from") F(ALGORITHM, "datetime-upper", "to") F(ALGORITHM, "datetime-interval-unit", "unit") \
  F(ALGORITHM, "datetime-interval-amount", "every") F(ALGORITHM, "values", "shards") F(ALGORITHM, "interval", "every") \
  F(SOURCE, "url", "address") F(SOURCE, "jdbcUrl", "address") F(SOURCE, "host", "address") F(SOURCE, "port", "address") \
  F(SOURCE, "master", "address") F(SOURCE, "primary", "address") F(SOURCE, "slave", "replicas") F(SOURCE, "slaves", "replicas") \
  F(SOURCE, "username", "user") F(SOURCE, "maxPoolSize", "max_connections") F(SOURCE, "maximumPoolSize", "max_connections") \
  F(SOURCE, "max_conns_limit", "max_connections") F(SOURCE, "capacity", "max_connections") F(SOURCE, "minPoolSize", "min_idle") \
  F(SOURCE, "connectionTimeoutMilliseconds", "connect_timeout of weir") F(SOURCE, "idleTimeoutMilliseconds", "idle_timeout") \
  F(USER, "authentication_string", "caching_sha2_password") F(USER, "databases", "schemas") F(USER, "allowed_schemas", "schemas") \
  F(SCHEMA, "bindingTables", "groups") F(SCHEMA, "broadcastTables", "broadcast: all at each such table") \
  F(SCHEMA, "defaultDataSource", "default_source") F(SCHEMA, "defaultDataSourceName", "default_source") F(SCHEMA, "source", "default_source") \
  F(SCHEMA, "default", "default_source") F(SCHEMA, "database", "databases") F(SCHEMA, "defaultDatabaseStrategy", "algorithm at each table") \
  F(TOP, "dataSources", "sources") F(TOP, "nodes", "sources") F(TOP, "databases", "schemas") F(TOP, "keyspaces", "schemas") \
  F(TOP, "databaseName", "schemas") F(TOP, "schema_list", "schemas") F(TOP, "schema", "schemas") F(TOP, "shardingAlgorithms", "algorithms") F(TOP, "rules", "schemas") \
  F(TOP, "vindexes", "algorithms") F(TOP, "keyGenerators", "sequences") F(TOP, "tables", "tables inside schemas.NAME") \
  F(TOP, "bindingTables", "groups inside schemas.NAME") F(TOP, "broadcastTables", "broadcast: all at each such table") \
  F(TOP, "user_list", "users") F(TOP, "authority", "users") F(TOP, "props", "weir") F(TOP, "addr", "weir: {listen: ...}") \
  F(TOP, "proxy", "weir") F(TOP, "server", "weir") \
  F(WEIR, "addr", "listen") F(WEIR, "bind", "listen") F(WEIR, "bind_address", "listen") F(WEIR, "port", "listen") F(WEIR, "address", "listen") \
  F(WEIR, "threads", "workers") F(WEIR, "max_allowed_packet", "max_packet") F(WEIR, "long_query_time", "slow_statement") \
  F(WEIR, "slow_log_time", "slow_statement") F(WEIR, "slow_query", "slow_statement") F(WEIR, "version", "server_version") \
  F(WEIR, "proxy-mysql-default-version", "server_version") F(WEIR, "proxy-frontend-max-connections", "max_connections") \
  F(WEIR, "proxy-default-port", "listen") F(WEIR, "log_level", "log: {level: ...}") F(WEIR, "log_file", "log: {file: ...}") \
  F(WEIR, "query_timeout", "statement_timeout") F(WEIR, "max_clients", "max_connections") \
  F(WEIR, "allow_scatter", "scatter") F(LOG, "path", "file") \
  F(WEIR, "ssl", "tls") F(WEIR, "ssl_cert", "tls: {certificate: ...}") F(WEIR, "ssl_key", "tls: {key: ...}") F(WEIR, "ssl_ca", "tls: {ca: ...}") \
  F(WEIR, "proxy-frontend-ssl-enabled", "tls") F(WEIR, "have_ssl", "tls") F(WEIR, "mysql-have_ssl", "tls") F(WEIR, "tls_version", "tls: {min_version: ...}") \
  F(WEIR, "require_secure_transport", "require_tls at each user") F(WEIR, "proxy_protocol_networks", "proxy_protocol") \
  F(WEIR, "mysql-proxy_protocol_networks", "proxy_protocol") F(WEIR, "protocol_compression_algorithms", "compression") \
  F(WEIR, "max_connect_errors", "failed_logins") F(WEIR, "max_prepared_stmt_count", "max_prepared_statements") \
  F(WEIR, "stmt_cache_size", "max_server_prepared_statements") F(WEIR, "mysql-max_stmts_per_connection", "max_server_prepared_statements") \
  F(WEIR, "allow_ips", "allow at each user") F(WEIR, "blackIPs", "deny at each user") F(WEIR, "whiteIPs", "allow at each user") \
  F(TLS, "cert", "certificate") F(TLS, "ssl_cert", "certificate") F(TLS, "ssl_key", "key") F(TLS, "ssl_ca", "ca") F(TLS, "private_key", "key") \
  F(TLS, "version", "min_version") F(TLS, "tls_version", "min_version") F(TLS, "mode", "require_tls at each user") \
  F(SERVER_TLS, "cert", "certificate") F(SERVER_TLS, "ssl_cert", "certificate") F(SERVER_TLS, "ssl_key", "key") F(SERVER_TLS, "ssl_ca", "ca") \
  F(SERVER_TLS, "private_key", "key") F(SERVER_TLS, "ssl_mode", "mode") F(SERVER_TLS, "verify", "mode") F(SERVER_TLS, "verify_server_cert", "mode: verify_identity") \
  F(SERVER_TLS, "ssl_verify_server_cert", "mode: verify_identity") F(SERVER_TLS, "server_name", "name") F(SERVER_TLS, "host", "name") \
  F(SOURCE, "ssl", "tls") F(SOURCE, "use_ssl", "tls") F(SOURCE, "ssl_mode", "tls: {mode: ...}") F(SOURCE, "ssl_ca", "tls: {ca: ...}") \
  F(SOURCE, "ssl_cert", "tls: {certificate: ...}") F(SOURCE, "ssl_key", "tls: {key: ...}") F(SOURCE, "sslMode", "tls: {mode: ...}") F(SOURCE, "useSSL", "tls") \
  F(SOURCE, "compress", "compression") F(SOURCE, "proxy_protocol", "proxy_protocol of weir (toward servers no header is sent)") \
  F(USER, "ssl", "require_tls") F(USER, "use_ssl", "require_tls") F(USER, "require_ssl", "require_tls") F(USER, "require", "require_tls") \
  F(USER, "ed25519", "client_ed25519") F(USER, "hosts", "allow") F(USER, "host", "allow") F(USER, "hostname", "allow") F(USER, "whitelist", "allow") \
  F(USER, "whiteIPs", "allow") F(USER, "allow_ips", "allow") F(USER, "blacklist", "deny") F(USER, "blackIPs", "deny") F(USER, "max_user_connections", "max_connections") \
  F(SEQUENCE, "wait", "id_wait") F(SEQUENCE, "cache", "step") F(SEQUENCE, "increment", "step") F(SEQUENCE, "timeout", "id_wait") \
  F(RANGE, "low", "from") F(RANGE, "high", "to") F(RANGE, "node", "shard")
/* clang-format on */

enum conf_section {
#define S(id, path, essay) SEC_##id,
    CONF_SECTIONS(S)
#undef S
        SEC_COUNT
};

enum conf_key {
#define K(sec, id, ...) KEY_##sec##_##id,
    CONF_KEYS(K)
#undef K
        KEY_COUNT
};

enum conf_kind {
    K_SECTION,  /* a mapping with fixed keys */
    K_SECTIONS, /* name -> such a mapping */
    K_TEXT,
    K_SECRET,
    K_NAME,
    K_NAMES, /* one or a list */
    K_ADDRESS,
    K_ADDRESSES,
    K_NETWORKS, /* one or a list */
    K_COUNT,
    K_SIZE,
    K_DURATION,
    K_BOOL,
    K_WORD,
    K_WORDS, /* one or a list */
    K_TLS,   /* a word or a mapping */
    K_DATE,
    K_VALUE, /* of the algorithm's key type */
    K_LIST,
    K_LISTS,
    K_MAP,
    K_PATTERNS,
    K_ALGORITHM,
    K_GENERATED
};

struct key_info {
    enum conf_section section;
    const char *name;
    enum conf_kind kind;
    uint64_t low, high;
    const char *words, *fallback, *meaning;
};
extern const struct key_info key_table[KEY_COUNT];

#endif
