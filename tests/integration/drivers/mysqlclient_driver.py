"""mysqlclient (MySQLdb), over libmariadb."""
import MySQLdb
import MySQLdb.cursors
from MySQLdb.constants import CLIENT
import dbapi
from common import *


def connect(**options):
    if TLS:
        options['ssl'] = {'ca': CA}
    return MySQLdb.connect(host=HOST, port=PORT, user=USER, passwd=PASSWORD, db=SCHEMA, charset='utf8mb4', autocommit=True, **options)


def process_kill(c):
    """COM_PROCESS_KILL, which the C library sends for mysql_kill()."""
    other = connect()
    other.kill(c.thread_id())
    other.close()
    try:
        dbapi.one(c, 'SELECT 1')
    except MySQLdb.Error as e:
        if e.args[0] not in (2006, 2013, 1927, 1317):
            raise
    else:
        raise AssertionError('the killed connection answers')
    again = connect()
    same(dbapi.one(again, 'SELECT DATABASE()'), (SCHEMA,))
    again.close()


def change_user(c):
    dbapi.do(c, 'SET @mine = 5')
    dbapi.do(c, 'BEGIN')
    dbapi.do(c, "INSERT INTO items (title) VALUES ('lost')")
    c.change_user(USER, PASSWORD, SCHEMA)
    same(dbapi.one(c, 'SELECT @mine, DATABASE()'), (None, SCHEMA))
    same(dbapi.one(c, "SELECT COUNT(*) FROM items WHERE title = 'lost'"), (0,))


dbapi.run(connect, MySQLdb.cursors.SSCursor, CLIENT.MULTI_STATEMENTS)
case('process_kill', dbapi.with_connection(process_kill))
case('change_user', dbapi.with_connection(change_user))
done()
