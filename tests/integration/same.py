"""same.py - are two replies the same? Everything a client can see is compared; what must differ by nature is listed here."""
import re

from wire import Err, Ok, Rows, STATUS_AUTOCOMMIT, STATUS_IN_TRANS, STATUS_MORE

NO_BACKSLASH = 512
# Of the status flags those that clients act on; the others (no index used, metadata changed) tell of a server's inner life.
STATUS = STATUS_IN_TRANS | STATUS_AUTOCOMMIT | STATUS_MORE | NO_BACKSLASH
REFUSED = 1235

NOT_NULL, BLOB, UNSIGNED, ZEROFILL, ENUM, SET = 1, 16, 32, 64, 256, 2048
NUMBERS = (0, 1, 2, 3, 4, 5, 8, 9, 13, 246)
# The flags that tell of the value. Those of keys and AUTO_INCREMENT come and go with the server's plan: a column that passed a
# temporary table has lost them.
FLAGS = NOT_NULL | BLOB | UNSIGNED | ZEROFILL | ENUM | SET


def shown(value):
    if value is None:
        return 'NULL'
    text = value.decode('utf-8', 'backslashreplace')
    return text if len(text) <= 60 else text[:57] + '...'


def refused(replies):
    """The reason when Weir refused the statement, else ''."""
    last = replies[-1]
    return last.message if isinstance(last, Err) and last.code == REFUSED else ''


def differences(want, got, ordered=True, loosely=False):
    """Lines that tell how `got` (Weir) is not `want` (one server); empty when they are the same.
    `loosely`: of the columns only the names and whether they are numbers, and no AUTO_INCREMENT=n inside a value (ids come from a sequence)."""
    if len(want) != len(got):
        return [f'{len(want)} replies expected, {len(got)} came',
                *(f'  expected: {r}' for r in want), *(f'  got:      {r}' for r in got)]
    out = []
    for w, g in zip(want, got):
        out += one(w, g, ordered, loosely)
    return out


def one(want, got, ordered, loosely):
    if type(want) is not type(got):
        return [f'expected: {want}', f'got:      {got}']
    if isinstance(want, Err):
        return [] if want == got else [f'expected: {want}', f'got:      {got}']
    out = []
    if want.status & STATUS != got.status & STATUS:
        out.append(f'status: expected {want.status & STATUS}, got {got.status & STATUS}')
    if want.warnings != got.warnings:
        out.append(f'warnings: expected {want.warnings}, got {got.warnings}')
    if isinstance(want, Ok):
        for name in ('affected', 'insert_id', 'info'):
            if getattr(want, name) != getattr(got, name):
                out.append(f'{name}: expected {getattr(want, name)!r}, got {getattr(got, name)!r}')
        return out
    return out + columns(want, got, loosely) + rows(want, got, ordered, loosely)


def columns(want, got, loosely):
    if [c.name for c in want.columns] != [c.name for c in got.columns]:
        return [f'columns: expected {[c.name for c in want.columns]}, got {[c.name for c in got.columns]}']
    if loosely:
        return [f'column {w.name}: expected {"a number" if w.type in NUMBERS else "text"}' for w, g in zip(want.columns, got.columns)
                if (w.type in NUMBERS) != (g.type in NUMBERS)]
    out = []
    for w, g in zip(want.columns, got.columns):
        for name in ('db', 'table', 'org_table', 'org_name', 'charset', 'type', 'decimals'):
            a, b = getattr(w, name), getattr(g, name)
            if a != b:
                out.append(f'column {w.name}, {name}: expected {a!r}, got {b!r}')
        # Of a column of a table also the length and whether it may be NULL; an expression's depend on how it was computed.
        mask = FLAGS if w.org_table else FLAGS & ~NOT_NULL
        if w.flags & mask != g.flags & mask:
            out.append(f'column {w.name}, flags: expected {w.flags & mask}, got {g.flags & mask}')
        if w.org_table and w.length != g.length:
            out.append(f'column {w.name}, length: expected {w.length}, got {g.length}')
    return out


def sort_key(row):
    return tuple((value is not None, value or b'') for value in row)


def without_counter(row):
    return tuple(v and re.sub(rb' AUTO_INCREMENT=\d+', b'', v) for v in row)


def rows(want, got, ordered, loosely):
    a, b = list(want.rows), list(got.rows)
    if loosely:
        a, b = list(map(without_counter, a)), list(map(without_counter, b))
    if not ordered:
        a.sort(key=sort_key)
        b.sort(key=sort_key)
    if a == b:
        return []
    out = [f'{len(a)} rows expected, {len(b)} came{"" if ordered else " (in any order)"}']
    missing, extra = list(a), []
    for row in b:
        if row in missing:
            missing.remove(row)
        else:
            extra.append(row)
    for title, some in (('missing', missing), ('not expected', extra)):
        for row in some[:4]:
            out.append(f'  {title}: ({", ".join(map(shown, row))})')
    if not missing and not extra:
        at = next(i for i, (x, y) in enumerate(zip(a, b)) if x != y)
        out.append(f'  the order differs from row {at + 1}: expected ({", ".join(map(shown, a[at]))}), '
                   f'got ({", ".join(map(shown, b[at]))})')
    return out
