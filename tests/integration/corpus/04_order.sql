-- ORDER BY over all shards by every type, with NULLs, ties and mixed directions. types_a is filled by test_differential.py.

--- integers
SELECT id, ti FROM types_a ORDER BY ti, id;
SELECT id, ti FROM types_a ORDER BY ti DESC, id;
SELECT id, tu FROM types_a ORDER BY tu, id DESC;
SELECT id, bi FROM types_a ORDER BY bi, id;
SELECT id, bu FROM types_a ORDER BY bu, id;
SELECT id, bu FROM types_a ORDER BY bu DESC, id DESC;
SELECT id, -bi FROM types_a WHERE bi > -9223372036854775807 ORDER BY -bi, id;
--! may refuse
SELECT id, bt + 0 FROM types_a ORDER BY bt, id;
--! may refuse
SELECT id FROM types_a ORDER BY bt DESC, id;
SELECT id, y FROM types_a ORDER BY y, id;
--! ties
SELECT ti FROM types_a ORDER BY ti;
SELECT id FROM types_a ORDER BY id DESC;
SELECT id, ti IS NULL FROM types_a ORDER BY ti IS NULL, ti, id;

--- fractions
SELECT id, f FROM types_a ORDER BY f, id;
SELECT id, d FROM types_a ORDER BY d, id;
SELECT id, d FROM types_a ORDER BY d DESC, id;
SELECT id, de FROM types_a ORDER BY de, id;
SELECT id, de FROM types_a ORDER BY de DESC, id DESC;
SELECT id, de * 3 FROM types_a ORDER BY de * 3, id;
SELECT id, ROUND(d, 1) r FROM types_a ORDER BY r, id;

--- times
SELECT id, dt FROM types_a ORDER BY dt, id;
SELECT id, tm FROM types_a ORDER BY tm, id;
SELECT id, tm FROM types_a ORDER BY tm DESC, id;
SELECT id, dtm FROM types_a ORDER BY dtm, id;
SELECT id, ts FROM types_a ORDER BY ts, id;
SELECT id, dtm FROM types_a ORDER BY dtm DESC, id DESC LIMIT 7;
SELECT id, DATE(dtm) FROM types_a ORDER BY DATE(dtm), id;

--- text
SELECT id, ch FROM types_a ORDER BY ch, id;
SELECT id, vc FROM types_a ORDER BY vc, id;
SELECT id, vc FROM types_a ORDER BY vc DESC, id;
SELECT id, vb FROM types_a ORDER BY vb, id;
SELECT id, vu FROM types_a ORDER BY vu, id;
SELECT id, vu FROM types_a ORDER BY vu DESC, id DESC;
SELECT id, vl FROM types_a ORDER BY vl, id;
SELECT id, tx FROM types_a ORDER BY tx, id;
SELECT id, HEX(bin) FROM types_a ORDER BY bin, id;
SELECT id, HEX(bl) FROM types_a ORDER BY bl, id;
SELECT id, bl FROM types_a ORDER BY bl DESC, id LIMIT 5;
SELECT id, LOWER(vc) l FROM types_a ORDER BY l, id;
SELECT id, vc FROM types_a ORDER BY vc COLLATE utf8mb4_bin, id;
SELECT id, LEFT(vc, 1) FROM types_a ORDER BY LEFT(vc, 1), id;
SELECT id, CONCAT(vc, vb) FROM types_a ORDER BY CONCAT(vc, vb), id;
SELECT id FROM types_a ORDER BY vc, vb, id;

--- enum and set
SELECT id, e FROM types_a ORDER BY e, id;
SELECT id, e FROM types_a ORDER BY e DESC, id;
SELECT id, s FROM types_a ORDER BY s, id;
SELECT id, e FROM types_a ORDER BY CONCAT(e), id;
SELECT id FROM types_a ORDER BY e, s, id LIMIT 5, 5;

--- mixed
SELECT id, ti, vc FROM types_a ORDER BY ti DESC, vc, id;
SELECT id, e, dt, de FROM types_a ORDER BY e, dt DESC, de, id LIMIT 10;
SELECT id, vc AS ti2 FROM types_a ORDER BY ti2 DESC, id LIMIT 4 OFFSET 3;
SELECT id, ti FROM types_a ORDER BY 2, 1;
SELECT id, ti FROM types_a ORDER BY 2 DESC, 1 DESC;
SELECT * FROM types_a ORDER BY id;
SELECT * FROM types_a ORDER BY ti, id LIMIT 5;
SELECT vc, types_a.* FROM types_a ORDER BY vc, id LIMIT 5;
SELECT id FROM types_a ORDER BY ti, id LIMIT 9;
SELECT id FROM types_a ORDER BY ti + id, id LIMIT 9;
SELECT id FROM types_a ORDER BY NULL;
SELECT id FROM types_a ORDER BY 1 LIMIT 3;
SELECT a.id, b.k FROM types_a a JOIN types_b b ON a.id = b.id ORDER BY b.k, a.id;
SELECT a.id, b.v FROM types_a a LEFT JOIN types_b b ON a.id = b.id ORDER BY b.v DESC, a.vc, a.id;
SELECT DISTINCT ti FROM types_a ORDER BY ti;
SELECT DISTINCT e FROM types_a ORDER BY e DESC;
SELECT DISTINCT bin FROM types_a ORDER BY bin;

--- groups by every type
SELECT ti, COUNT(*), SUM(bi), AVG(de) FROM types_a GROUP BY ti ORDER BY ti;
SELECT e, COUNT(*), MIN(de), MAX(de) FROM types_a GROUP BY e ORDER BY e;
SELECT s, COUNT(*), SUM(de) FROM types_a GROUP BY s ORDER BY s;
SELECT dt, COUNT(*), MAX(tm) FROM types_a GROUP BY dt ORDER BY dt;
SELECT y, COUNT(*), MIN(dtm), MAX(ts) FROM types_a GROUP BY y ORDER BY y;
SELECT de, COUNT(*) FROM types_a GROUP BY de ORDER BY de;
--! may refuse
SELECT bt + 0, COUNT(*) FROM types_a GROUP BY bt ORDER BY bt;
SELECT tm, COUNT(*) FROM types_a GROUP BY tm ORDER BY tm;
SELECT bin, COUNT(*) FROM types_a GROUP BY bin ORDER BY bin;
SELECT MIN(ti), MAX(ti), MIN(tu), MAX(tu), MIN(bi), MAX(bi), MIN(bu), MAX(bu) FROM types_a;
SELECT SUM(ti), SUM(tu), SUM(bi), SUM(bu), AVG(bi), AVG(bu) FROM types_a;
SELECT MIN(de), MAX(de), SUM(de), AVG(de) FROM types_a;
SELECT MIN(d), MAX(d) FROM types_a;
SELECT MIN(dt), MAX(dt), MIN(tm), MAX(tm), MIN(dtm), MAX(dtm), MIN(ts), MAX(ts), MIN(y), MAX(y) FROM types_a;
SELECT MIN(vb), MAX(vb), MIN(bin), MAX(bin), MIN(e), MAX(e), MIN(s), MAX(s) FROM types_a;
SELECT SUM(y), AVG(y), SUM(bt), SUM(e) FROM types_a;
SELECT SUM(dt), AVG(tm) FROM types_a;
--! may refuse
SELECT MIN(vc), MAX(vc), MIN(vu), MAX(vu) FROM types_a;
--! may refuse
SELECT SUM(d), AVG(d), SUM(f) FROM types_a;
