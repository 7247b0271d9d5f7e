"""PyMySQL."""
import ssl

import pymysql
import pymysql.cursors
from pymysql.constants import CLIENT
import dbapi
from common import *


def connect(**options):
    if TLS:
        options['ssl'] = ssl.create_default_context(cafile=CA)
        options['ssl'].check_hostname = False
    return pymysql.connect(host=HOST, port=PORT, user=USER, password=PASSWORD, database=SCHEMA, charset='utf8mb4', read_timeout=60,
                           autocommit=True, **options)


def reconnect(c):
    other = connect()
    dbapi.do(other, f'KILL {c.thread_id()}')
    other.close()
    try:
        dbapi.one(c, 'SELECT 1')
    except pymysql.err.Error as e:
        if e.args[0] not in (2006, 2013, 1927, 1317):
            raise
    else:
        raise AssertionError('the killed connection answers')
    c.ping(reconnect=True)
    same(dbapi.one(c, 'SELECT DATABASE()'), (SCHEMA,))


dbapi.run(connect, pymysql.cursors.SSCursor, CLIENT.MULTI_STATEMENTS)
case('reconnect', dbapi.with_connection(reconnect))
done()
