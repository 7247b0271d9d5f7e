/* wire_lists.h - the protocol's numbers, once: commands, capabilities, status flags, column types, errors. */
#ifndef WEIR_WIRE_LISTS_H
#define WEIR_WIRE_LISTS_H

#define WIRE_COMMANDS(X)                                                                                               \
    X(SLEEP, 0x00, "Sleep")                                                                                            \
    X(QUIT, 0x01, "Quit")                                                                                              \
    X(INIT_DB, 0x02, "Init DB")                                                                                        \
    X(QUERY, 0x03, "Query")                                                                                            \
    X(FIELD_LIST, 0x04, "Field List")                                                                                  \
    X(CREATE_DB, 0x05, "Create DB")                                                                                    \
    X(DROP_DB, 0x06, "Drop DB")                                                                                        \
    X(REFRESH, 0x07, "Refresh")                                                                                        \
    X(SHUTDOWN, 0x08, "Shutdown")                                                                                      \
    X(STATISTICS, 0x09, "Statistics")                                                                                  \
    X(PROCESS_INFO, 0x0a, "Processlist")                                                                               \
    X(CONNECT, 0x0b, "Connect")                                                                                        \
    X(PROCESS_KILL, 0x0c, "Kill")                                                                                      \
    X(DEBUG, 0x0d, "Debug")                                                                                            \
    X(PING, 0x0e, "Ping")                                                                                              \
    X(TIME, 0x0f, "Time")                                                                                              \
    X(DELAYED_INSERT, 0x10, "Delayed insert")                                                                          \
    X(CHANGE_USER, 0x11, "Change user")                                                                                \
    X(BINLOG_DUMP, 0x12, "Binlog Dump")                                                                                \
    X(TABLE_DUMP, 0x13, "Table Dump")                                                                                  \
    X(CONNECT_OUT, 0x14, "Connect Out")                                                                                \
    X(REGISTER_SLAVE, 0x15, "Register Slave")                                                                          \
    X(STMT_PREPARE, 0x16, "Prepare")                                                                                   \
    X(STMT_EXECUTE, 0x17, "Execute")                                                                                   \
    X(STMT_SEND_LONG_DATA, 0x18, "Long Data")                                                                          \
    X(STMT_CLOSE, 0x19, "Close stmt")                                                                                  \
    X(STMT_RESET, 0x1a, "Reset stmt")                                                                                  \
    X(SET_OPTION, 0x1b, "Set option")                                                                                  \
    X(STMT_FETCH, 0x1c, "Fetch")                                                                                       \
    X(DAEMON, 0x1d, "Daemon")                                                                                          \
    X(BINLOG_DUMP_GTID, 0x1e, "Binlog Dump GTID")                                                                      \
    X(RESET_CONNECTION, 0x1f, "Reset connection")

/* Capability flags (32 bits; MariaDB's own extended ones are not used). */
#define WIRE_CAPABILITIES(X)                                                                                           \
    X(LONG_PASSWORD, 1u << 0)                                                                                          \
    X(FOUND_ROWS, 1u << 1)                                                                                             \
    X(LONG_FLAG, 1u << 2)                                                                                              \
    X(CONNECT_WITH_DB, 1u << 3)                                                                                        \
    X(NO_SCHEMA, 1u << 4)                                                                                              \
    X(COMPRESS, 1u << 5)                                                                                               \
    X(ODBC, 1u << 6)                                                                                                   \
    X(LOCAL_FILES, 1u << 7)                                                                                            \
    X(IGNORE_SPACE, 1u << 8)                                                                                           \
    X(PROTOCOL_41, 1u << 9)                                                                                            \
    X(INTERACTIVE, 1u << 10)                                                                                           \
    X(SSL, 1u << 11)                                                                                                   \
    X(IGNORE_SIGPIPE, 1u << 12)                                                                                        \
    X(TRANSACTIONS, 1u << 13)                                                                                          \
    X(RESERVED, 1u << 14)                                                                                              \
    X(SECURE_CONNECTION, 1u << 15)                                                                                     \
    X(MULTI_STATEMENTS, 1u << 16)                                                                                      \
    X(MULTI_RESULTS, 1u << 17)                                                                                         \
    X(PS_MULTI_RESULTS, 1u << 18)                                                                                      \
    X(PLUGIN_AUTH, 1u << 19)                                                                                           \
    X(CONNECT_ATTRS, 1u << 20)                                                                                         \
    X(PLUGIN_AUTH_LENENC_CLIENT_DATA, 1u << 21)                                                                        \
    X(CAN_HANDLE_EXPIRED_PASSWORDS, 1u << 22)                                                                          \
    X(SESSION_TRACK, 1u << 23)                                                                                         \
    X(DEPRECATE_EOF, 1u << 24)                                                                                         \
    X(OPTIONAL_RESULTSET_METADATA, 1u << 25)                                                                           \
    X(ZSTD_COMPRESSION_ALGORITHM, 1u << 26)                                                                            \
    X(QUERY_ATTRIBUTES, 1u << 27)

#define WIRE_STATUS_FLAGS(X)                                                                                           \
    X(IN_TRANS, 1u << 0)                                                                                               \
    X(AUTOCOMMIT, 1u << 1)                                                                                             \
    X(MORE_RESULTS_EXISTS, 1u << 3)                                                                                    \
    X(NO_GOOD_INDEX_USED, 1u << 4)                                                                                     \
    X(NO_INDEX_USED, 1u << 5)                                                                                          \
    X(CURSOR_EXISTS, 1u << 6)                                                                                          \
    X(LAST_ROW_SENT, 1u << 7)                                                                                          \
    X(DB_DROPPED, 1u << 8)                                                                                             \
    X(NO_BACKSLASH_ESCAPES, 1u << 9)                                                                                   \
    X(METADATA_CHANGED, 1u << 10)                                                                                      \
    X(QUERY_WAS_SLOW, 1u << 11)                                                                                        \
    X(PS_OUT_PARAMS, 1u << 12)                                                                                         \
    X(IN_TRANS_READONLY, 1u << 13)                                                                                     \
    X(SESSION_STATE_CHANGED, 1u << 14)                                                                                 \
    X(ANSI_QUOTES, 1u << 15) /* MariaDB only */

#define WIRE_TYPES(X)                                                                                                  \
    X(DECIMAL, 0)                                                                                                      \
    X(TINY, 1)                                                                                                         \
    X(SHORT, 2)                                                                                                        \
    X(LONG, 3)                                                                                                         \
    X(FLOAT, 4)                                                                                                        \
    X(DOUBLE, 5)                                                                                                       \
    X(NULL, 6)                                                                                                         \
    X(TIMESTAMP, 7)                                                                                                    \
    X(LONGLONG, 8)                                                                                                     \
    X(INT24, 9)                                                                                                        \
    X(DATE, 10)                                                                                                        \
    X(TIME, 11)                                                                                                        \
    X(DATETIME, 12)                                                                                                    \
    X(YEAR, 13)                                                                                                        \
    X(NEWDATE, 14)                                                                                                     \
    X(VARCHAR, 15)                                                                                                     \
    X(BIT, 16)                                                                                                         \
    X(VECTOR, 242)                                                                                                     \
    X(JSON, 245)                                                                                                       \
    X(NEWDECIMAL, 246)                                                                                                 \
    X(ENUM, 247)                                                                                                       \
    X(SET, 248)                                                                                                        \
    X(TINY_BLOB, 249)                                                                                                  \
    X(MEDIUM_BLOB, 250)                                                                                                \
    X(LONG_BLOB, 251)                                                                                                  \
    X(BLOB, 252)                                                                                                       \
    X(VAR_STRING, 253)                                                                                                 \
    X(STRING, 254)                                                                                                     \
    X(GEOMETRY, 255)

/* Column definition flags. */
#define WIRE_COLUMN_FLAGS(X)                                                                                           \
    X(NOT_NULL, 1)                                                                                                     \
    X(PRI_KEY, 2)                                                                                                      \
    X(UNIQUE_KEY, 4)                                                                                                   \
    X(MULTIPLE_KEY, 8)                                                                                                 \
    X(BLOB, 16)                                                                                                        \
    X(UNSIGNED, 32)                                                                                                    \
    X(ZEROFILL, 64)                                                                                                    \
    X(BINARY, 128)                                                                                                     \
    X(ENUM, 256)                                                                                                       \
    X(AUTO_INCREMENT, 512)                                                                                             \
    X(TIMESTAMP, 1024)                                                                                                 \
    X(SET, 2048)                                                                                                       \
    X(NO_DEFAULT_VALUE, 4096)                                                                                          \
    X(ON_UPDATE_NOW, 8192)                                                                                             \
    X(NUM, 32768)

/* Errors that Weir itself raises: number, SQLSTATE, name. */
#define WIRE_ERRORS(X)                                                                                                 \
    X(CON_COUNT_ERROR, 1040, "08004")                                                                                  \
    X(OUT_OF_RESOURCES, 1041, "HY000")                                                                                 \
    X(HANDSHAKE_ERROR, 1043, "08S01")                                                                                  \
    X(DBACCESS_DENIED_ERROR, 1044, "42000")                                                                            \
    X(ACCESS_DENIED_ERROR, 1045, "28000")                                                                              \
    X(NO_DB_ERROR, 1046, "3D000")                                                                                      \
    X(UNKNOWN_COM_ERROR, 1047, "08S01")                                                                                \
    X(BAD_DB_ERROR, 1049, "42000")                                                                                     \
    X(SERVER_SHUTDOWN, 1053, "08S01")                                                                                  \
    X(PARSE_ERROR, 1064, "42000")                                                                                      \
    X(EMPTY_QUERY, 1065, "42000")                                                                                      \
    X(NO_SUCH_THREAD, 1094, "HY000")                                                                                   \
    X(UNKNOWN_ERROR, 1105, "HY000")                                                                                    \
    X(NO_SUCH_TABLE, 1146, "42S02")                                                                                    \
    X(NET_PACKET_TOO_LARGE, 1153, "08S01")                                                                             \
    X(NET_READ_ERROR, 1158, "08S01")                                                                                   \
    X(UNKNOWN_SYSTEM_VARIABLE, 1193, "HY000")                                                                          \
    X(TOO_MANY_USER_CONNECTIONS, 1203, "42000")                                                                        \
    X(WRONG_VALUE_FOR_VAR, 1231, "42000")                                                                              \
    X(NOT_SUPPORTED_YET, 1235, "42000")                                                                                \
    X(QUERY_INTERRUPTED, 1317, "70100")                                                                                \
    X(OPTION_PREVENTS_STATEMENT, 1290, "HY000")                                                                        \
    X(NOT_SUPPORTED_AUTH_MODE, 1251, "08004")                                                                          \
    X(MALFORMED_PACKET, 1835, "HY000")                                                                                 \
    X(SERVER_GONE, 2006, "HY000")                                                                                      \
    X(SERVER_LOST, 2013, "HY000")                                                                                      \
    X(CANT_CONNECT, 2003, "HY000")

#endif
