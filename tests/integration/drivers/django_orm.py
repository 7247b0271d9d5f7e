"""Django over mysqlclient (or PyMySQL where that is not there): migrations' schema editor, ORM, transactions, introspection."""
import decimal

try:
    import MySQLdb                                            # noqa: F401
except ImportError:
    import pymysql
    pymysql.version_info = (1, 4, 6, 'final', 0)
    pymysql.install_as_MySQLdb()

import django
from django.conf import settings
from common import *

OPTIONS = {'charset': 'utf8mb4'}
if TLS:
    OPTIONS['ssl'] = {'ca': CA}
DATABASE = {'ENGINE': 'django.db.backends.mysql', 'HOST': HOST, 'PORT': PORT, 'USER': USER, 'PASSWORD': PASSWORD, 'NAME': SCHEMA, 'OPTIONS': OPTIONS}
settings.configure(DATABASES={'default': DATABASE, 'other': dict(DATABASE)}, INSTALLED_APPS=[], USE_TZ=False,
                   DEFAULT_AUTO_FIELD='django.db.models.BigAutoField')
django.setup()

from django.db import DataError, IntegrityError, OperationalError, ProgrammingError, connection, connections, models, transaction  # noqa: E402


class Item(models.Model):
    title = models.CharField(max_length=100)
    points = models.IntegerField(null=True)

    class Meta:
        app_label, db_table = 'shop', 'items'


class Thing(models.Model):
    id = models.IntegerField(primary_key=True)
    bytes = models.BinaryField(null=True)
    amount = models.DecimalField(max_digits=65, decimal_places=30, null=True)
    moment = models.DateTimeField(null=True)
    biggest = models.PositiveBigIntegerField(null=True)
    lowest = models.IntegerField(null=True)
    tiny = models.SmallIntegerField(null=True)
    smallest = models.BigIntegerField(null=True)
    ratio = models.FloatField(null=True)
    document = models.JSONField(null=True)
    words = models.CharField(max_length=100, null=True)
    nothing = models.CharField(max_length=100, null=True)
    missing = models.CharField(max_length=100, null=True)

    class Meta:
        app_label, db_table = 'shop', 'things'


class Big(models.Model):
    id = models.IntegerField(primary_key=True)
    body = models.BinaryField()

    class Meta:
        app_label, db_table = 'shop', 'big'


class Many(models.Model):
    id = models.IntegerField(primary_key=True)
    word = models.CharField(max_length=60)

    class Meta:
        app_label, db_table = 'shop', 'many'


def value(sql, *params, using='default'):
    with connections[using].cursor() as c:
        c.execute(sql, params)
        return c.fetchone()[0]


def connect():
    same(value('SELECT DATABASE()'), SCHEMA)
    same(connection.mysql_version >= (5, 7), True)
    connection.check_constraints()
    same(connection.is_usable(), True)


def tls():
    with connection.cursor() as c:
        c.execute("SHOW STATUS LIKE 'Ssl_cipher'")
        same(bool(c.fetchone()[1]), True)


def ddl():
    with connection.cursor() as c:
        for table in ('items', 'things', 'big', 'many'):
            c.execute(f'DROP TABLE IF EXISTS {table}')
    with connection.schema_editor() as editor:
        for model in (Item, Thing, Big, Many):
            editor.create_model(model)
        note = models.CharField(max_length=20, null=True)
        note.set_attributes_from_name('note')
        editor.add_field(Item, note)
        editor.remove_field(Item, note)
    same(sorted(connection.introspection.table_names()), ['big', 'items', 'many', 'things'])
    with connection.cursor() as c:
        same([f.name for f in connection.introspection.get_table_description(c, 'items')], ['id', 'title', 'points'])
        same(connection.introspection.get_primary_key_column(c, 'items'), 'id')
        same(connection.introspection.get_sequences(c, 'items'), [{'table': 'items', 'column': 'id'}])
        same([k for k, v in connection.introspection.get_constraints(c, 'items').items() if v['primary_key']], ['PRIMARY'])


def crud():
    item = Item.objects.create(title="it's \\ 100% %s", points=5)
    same(Item.objects.get(pk=item.pk).title, "it's \\ 100% %s")
    same(Item.objects.filter(pk=item.pk).update(points=models.F('points') + 2), 1)
    item.refresh_from_db()
    same(item.points, 7)
    Item.objects.bulk_create([Item(title=f'b{i}', points=i) for i in range(30)])
    same(list(Item.objects.filter(title__startswith='b').order_by('-points').values_list('points', flat=True)[2:5]), [27, 26, 25])
    same(Item.objects.filter(title__startswith='b').aggregate(models.Count('id'), models.Max('points')), {'id__count': 30, 'points__max': 29})
    same(Item.objects.filter(points__in=[1, 2, 3]).exists(), True)
    _, made = Item.objects.get_or_create(title='b1', points=1)
    same(made, False)
    _, made = Item.objects.update_or_create(title='new', defaults={'points': 1})
    same(made, True)
    same(item.delete()[0], 1)
    same(Item.objects.filter(title='nowhere').first(), None)


def transactions():
    Item.objects.all().delete()
    for left in (0, 4):
        try:
            with transaction.atomic():
                for i in range(4):
                    Item.objects.create(title=f't{i}', points=i)
                same(Item.objects.count(), 4)
                same(Item.objects.using('other').count(), 0)
                if not left:
                    raise LookupError
        except LookupError:
            pass
        same(Item.objects.using('other').count(), left)
    with transaction.atomic():
        try:
            with transaction.atomic():                        # a savepoint
                Item.objects.all().delete()
                raise LookupError
        except LookupError:
            pass
        same(Item.objects.select_for_update().filter(points=1).count(), 1)
    same(Item.objects.count(), 4)


def types():
    given = {n: v for n, v in VALUES if n not in ('fraction', 'bits')}
    given.update(document={'a': [1, None, 'ü'], 'b': {}}, biggest=2**63 - 1)
    for key in range(8):
        Thing(id=key, **given).save(force_insert=True)
    Thing(id=8).save()
    for thing in [Thing.objects.get(pk=5), *Thing.objects.filter(pk__lt=8).order_by('pk')]:
        for name, want in given.items():
            same(getattr(thing, name), want)
    same([getattr(Thing.objects.get(pk=8), n) for n in given], [None] * len(given))


def errors():
    Thing(id=77).save()
    raises(1062, None, lambda: Thing(id=77).save(force_insert=True), lambda e: (e.args[0], None) if isinstance(e, IntegrityError) else (0, None))
    raises(1146, None, lambda: value('SELECT * FROM not_there'), lambda e: (e.args[0], None) if isinstance(e, ProgrammingError) else (0, None))
    raises(1064, None, lambda: value('SELEC 1'), lambda e: (e.args[0], None) if isinstance(e, ProgrammingError) else (0, None))
    raises(1406, None, lambda: Item.objects.create(title='x' * 101), lambda e: (e.args[0], None) if isinstance(e, DataError) else (0, None))
    same(value('SELECT 1'), 1)


def big():
    body = BYTES * 4096
    Big(id=1, body=body).save()
    if bytes(Big.objects.get(pk=1).body) != body:
        raise AssertionError('the bytes differ')


def stream():
    Many.objects.bulk_create([Many(id=i, word=f'word {i}') for i in range(10000)], batch_size=2000)
    n = 0
    for row in Many.objects.order_by('id').iterator(chunk_size=100):
        if (row.id, row.word) != (n, f'word {n}'):
            raise AssertionError(f'row {n} is {row.id}')
        n += 1
    same(n, 10000)


def reconnect():
    key = value('SELECT CONNECTION_ID()')
    with connections['other'].cursor() as c:
        c.execute('KILL %s', [key])
    try:
        value('SELECT 1')
    except OperationalError as e:
        same(e.args[0] in (2006, 2013, 1927), True)
    else:
        raise AssertionError('the killed connection answers')
    connection.close_if_unusable_or_obsolete()
    same(value('SELECT DATABASE()'), SCHEMA)


case('connect', connect)
if TLS:
    case('tls', tls)
case('ddl', ddl)
case('crud', crud)
case('transaction', transactions)
case('types', types)
case('error', errors)
case('big_1m', big)
case('stream', stream)
case('reconnect', reconnect)
done()
