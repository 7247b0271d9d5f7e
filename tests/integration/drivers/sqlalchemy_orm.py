"""SQLAlchemy over PyMySQL and mysqlclient: core, ORM, reflection, pool."""
import datetime
import decimal

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.dialects import mysql
from common import *

Base = orm.declarative_base()


class Item(Base):
    __tablename__ = 'items'
    id = sa.Column(sa.BigInteger, primary_key=True, autoincrement=True)
    title = sa.Column(sa.String(100), nullable=False)
    points = sa.Column(sa.Integer)


class Thing(Base):
    __tablename__ = 'things'
    id = sa.Column(sa.Integer, primary_key=True, autoincrement=False)
    bytes = sa.Column(mysql.LONGBLOB)
    amount = sa.Column(sa.Numeric(65, 30))
    moment = sa.Column(mysql.DATETIME(fsp=6))
    biggest = sa.Column(mysql.BIGINT(unsigned=True))
    lowest = sa.Column(sa.Integer)
    tiny = sa.Column(mysql.TINYINT)
    smallest = sa.Column(sa.BigInteger)
    ratio = sa.Column(mysql.DOUBLE(asdecimal=False))
    fraction = sa.Column(sa.Float)
    document = sa.Column(sa.JSON(none_as_null=True))
    bits = sa.Column(mysql.BIT(12))
    words = sa.Column(sa.String(100))
    nothing = sa.Column(sa.String(100))
    missing = sa.Column(sa.String(100))


class Big(Base):
    __tablename__ = 'big'
    id = sa.Column(sa.Integer, primary_key=True, autoincrement=False)
    body = sa.Column(mysql.LONGBLOB)


class Many(Base):
    __tablename__ = 'many'
    id = sa.Column(sa.Integer, primary_key=True, autoincrement=False)
    word = sa.Column(sa.String(60), nullable=False)


def engine_for(driver):
    url = sa.engine.URL.create(f'mysql+{driver}', USER, PASSWORD, HOST, PORT, SCHEMA, query={'charset': 'utf8mb4'})
    options = {}
    if TLS:
        options['ssl'] = {'ca': CA, 'check_hostname': False} if driver == 'pymysql' else {'ca': CA}
    return sa.create_engine(url, connect_args=options, pool_size=3, max_overflow=0, pool_pre_ping=True, future=True)


def read(e):
    return e.orig.args[0], None


def cases(driver):
    engine = engine_for(driver)
    session = orm.sessionmaker(engine, future=True)

    def name(case_name):
        return f'{case_name}_{driver}'

    def connect():
        with engine.connect() as c:
            same(c.scalar(sa.text('SELECT DATABASE()')), SCHEMA)
            same(engine.dialect.server_version_info >= (8,), True)

    def tls():
        with engine.connect() as c:
            same(bool(c.execute(sa.text("SHOW STATUS LIKE 'Ssl_cipher'")).one()[1]), True)

    def ddl():
        Base.metadata.drop_all(engine)
        Base.metadata.create_all(engine)
        Base.metadata.create_all(engine)                       # asks first whether they are there
        found = sa.inspect(engine)
        same(sorted(found.get_table_names()), ['big', 'items', 'many', 'things'])
        same([c['name'] for c in found.get_columns('items')], ['id', 'title', 'points'])
        same(found.get_pk_constraint('items')['constrained_columns'], ['id'])
        same(found.get_indexes('items'), [])
        same(found.get_foreign_keys('items'), [])
        table = sa.Table('things', sa.MetaData(), autoload_with=engine)
        same(str(table.c.amount.type), 'DECIMAL(65, 30)')
        same(str(table.c.biggest.type), 'BIGINT')

    def orm_crud():
        with session() as s:
            item = Item(title="it's \\ 100% :x", points=5)
            s.add(item)
            s.commit()
            key = item.id
            s.add_all([Item(title=f'o{i}', points=i) for i in range(20)])
            s.commit()
        with session() as s:
            item = s.get(Item, key)
            same((item.title, item.points), ("it's \\ 100% :x", 5))
            item.points += 2
            s.commit()
            same(s.scalar(sa.select(Item.points).where(Item.id == key)), 7)
            rows = s.execute(sa.select(Item).where(Item.title.like('o%')).order_by(Item.points.desc()).limit(3).offset(2)).scalars().all()
            same([r.points for r in rows], [17, 16, 15])
            same(tuple(s.execute(sa.select(sa.func.count(), sa.func.max(Item.points)).where(Item.title.like('o%'))).one()), (20, 19))
            s.delete(item)
            s.commit()
            same(s.get(Item, key), None)

    def count_of_query():
        # Query.count() puts the query into a derived table.
        with session() as s:
            same(s.query(Item).filter(Item.points.in_([1, 2, 3]), Item.title.like('o%')).count(), 3)

    def core():
        items = Item.__table__
        with engine.begin() as c:
            result = c.execute(items.insert().values(title='core', points=1))
            key, = result.inserted_primary_key
            same(c.execute(items.update().where(items.c.id == key).values(points=items.c.points + 1)).rowcount, 1)
            c.execute(items.insert(), [{'title': 'many', 'points': i} for i in range(10)])
            same(c.execute(items.delete().where(items.c.id == key)).rowcount, 1)
            upsert = mysql.insert(items).values(id=key, title='upsert')
            c.execute(upsert.on_duplicate_key_update(title=upsert.inserted.title))

    def transaction():
        with session() as s, session() as other:
            s.execute(sa.delete(Item))
            s.commit()
            s.add_all([Item(title=f't{i}') for i in range(4)])
            s.flush()
            same(s.scalar(sa.select(sa.func.count(Item.id))), 4)
            same(other.scalar(sa.select(sa.func.count(Item.id))), 0)
            s.rollback()
            same(s.scalar(sa.select(sa.func.count(Item.id))), 0)
            s.add(Item(title='outer'))
            try:
                with s.begin_nested():
                    s.add(Item(title='inner'))
                    s.flush()
                    raise LookupError
            except LookupError:
                pass
            s.commit()
            other.rollback()
            same(other.scalars(sa.select(Item.title)).all(), ['outer'])

    def types():
        with session() as s:
            s.execute(sa.delete(Thing))
            given = dict(VALUES, document={'a': [1, None, 'ü'], 'b': {}})
            for key in range(8):
                s.add(Thing(id=key, **given))
            s.add(Thing(id=8))
            s.commit()
        with session() as s:
            for thing in [s.get(Thing, 5), *s.scalars(sa.select(Thing).where(Thing.id < 8).order_by(Thing.id))]:
                for column, want in given.items():
                    got = getattr(thing, column)
                    if isinstance(want, decimal.Decimal):
                        same(str(got), str(want))
                    else:
                        same(got, want)
            same([getattr(s.get(Thing, 8), n) for n, _ in VALUES], [None] * len(VALUES))

    def errors():
        with engine.connect() as c:
            c.execute(sa.text('REPLACE INTO things (id) VALUES (77)'))
            raises(1062, None, lambda: c.execute(sa.text('INSERT INTO things (id) VALUES (77)')), read)
            raises(1146, None, lambda: c.execute(sa.text('SELECT * FROM not_there')), read)
            raises(1064, None, lambda: c.execute(sa.text('SELEC 1')), read)
            same(c.scalar(sa.text('SELECT 1')), 1)
        with session() as s:
            s.add(Thing(id=78))
            s.commit()
        with session() as s:
            s.add(Thing(id=78))
            try:
                s.commit()
            except sa.exc.IntegrityError:
                return
        raise AssertionError('no IntegrityError')

    def big():
        body = BYTES * 4096
        with session() as s:
            s.merge(Big(id=1, body=body))
            s.commit()
        with session() as s:
            if s.get(Big, 1).body != body:
                raise AssertionError('the bytes differ')

    def stream():
        with session() as s:
            s.execute(sa.delete(Many))
            s.bulk_insert_mappings(Many, [{'id': i, 'word': f'word {i}'} for i in range(10000)])
            s.commit()
            n = 0
            for row in s.execute(sa.select(Many.id, Many.word).order_by(Many.id), execution_options={'stream_results': True, 'yield_per': 100}):
                if tuple(row) != (n, f'word {n}'):
                    raise AssertionError(f'row {n} is {row}')
                n += 1
            same(n, 10000)

    def reconnect():
        with engine.connect() as c:
            key = c.scalar(sa.text('SELECT CONNECTION_ID()'))
        engine.dispose()
        with engine.connect() as c:
            key = c.scalar(sa.text('SELECT CONNECTION_ID()'))
            with engine.connect() as other:
                other.execute(sa.text(f'KILL {key}'))
            try:
                c.execute(sa.text('SELECT 1'))
            except sa.exc.DBAPIError as e:
                same(e.connection_invalidated, True)
            else:
                raise AssertionError('the killed connection answers')
        with engine.connect() as c:
            same(c.scalar(sa.text('SELECT DATABASE()')), SCHEMA)

    case(name('connect'), connect)
    if TLS:
        case(name('tls'), tls)
    for function in (ddl, orm_crud, count_of_query, core, transaction, types, errors, big, stream, reconnect):
        case(name({'orm_crud': 'crud_orm', 'errors': 'error', 'big': 'big_1m'}.get(function.__name__, function.__name__)), function)
    engine.dispose()


cases('pymysql')
try:
    import MySQLdb
except ImportError:
    say('skip mysqlclient: not installed')
else:
    cases('mysqldb')
done()
