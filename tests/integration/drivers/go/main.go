// main.go - go-sql-driver over database/sql: statements with arguments are prepared on the server, or put into the text with
// interpolateParams=true. Both ways pass the same cases.
package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"errors"
	"fmt"
	"io/ioutil"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

var (
	schema  = os.Getenv("DRIVER_SCHEMA")
	sharded = os.Getenv("DRIVER_KIND") == "sharded"
	useTLS  = os.Getenv("DRIVER_TLS") == "1"
	only    = strings.FieldsFunc(os.Getenv("DRIVER_CASES"), func(r rune) bool { return r == ',' })
)

type column struct {
	name string
	want interface{}
}

var everyByte = func() []byte {
	b := make([]byte, 256)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}()

var values = []column{
	{"bytes", everyByte},
	{"amount", "12345678901234567890123456789012345.123456789012345678901234567890"},
	{"moment", time.Date(2024, 2, 29, 23, 59, 59, 123456000, time.UTC)},
	{"biggest", uint64(18446744073709551615)},
	{"lowest", int64(-2147483648)},
	{"tiny", int64(-128)},
	{"smallest", int64(-9223372036854775808)},
	{"ratio", 0.30000000000000004},
	{"fraction", float32(-0.15625)},
	{"document", `{"a": [1, null, "ü"], "b": {}}`},
	{"bits", []byte{0x0a, 0xaa}},
	{"words", "😀 naïve 日本 ' \" \\ %"},
	{"nothing", ""},
}

func dsn(interpolate bool, more string) string {
	s := fmt.Sprintf("%s:%s@tcp(%s:%s)/%s?charset=utf8mb4&parseTime=true&maxAllowedPacket=67108864&readTimeout=60s&interpolateParams=%v%s", os.Getenv("DRIVER_USER"),
		os.Getenv("DRIVER_PASSWORD"), os.Getenv("DRIVER_HOST"), os.Getenv("DRIVER_PORT"), schema, interpolate, more)
	if useTLS {
		s += "&tls=test"
	}
	return s
}

func open(interpolate bool, more string) *sql.DB {
	db, err := sql.Open("mysql", dsn(interpolate, more))
	must(err)
	return db
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func same(got, want interface{}) {
	if !reflect.DeepEqual(got, want) {
		panic(fmt.Sprintf("%.150v (%T) expected, %.150v (%T) came", want, want, got, got))
	}
}

func run(name string, interpolate bool, more string, work func(db *sql.DB)) {
	if len(only) > 0 {
		found := false
		for _, w := range only {
			found = found || name == w || strings.HasPrefix(name, w+"_")
		}
		if !found {
			return
		}
	}
	defer func() {
		if e := recover(); e != nil {
			fmt.Printf("not ok %s: %s\n", name, strings.Join(strings.Fields(fmt.Sprint(e)), " "))
		} else {
			fmt.Printf("ok %s\n", name)
		}
	}()
	db := open(interpolate, more)
	defer db.Close()
	work(db)
}

func exec(db *sql.DB, query string, args ...interface{}) (affected, id int64) {
	r, err := db.Exec(query, args...)
	if err != nil {
		panic(fmt.Sprintf("%.80s: %v", query, err))
	}
	affected, _ = r.RowsAffected()
	id, _ = r.LastInsertId()
	return
}

func count(q interface {
	QueryRow(string, ...interface{}) *sql.Row
}, query string, args ...interface{}) (n int64) {
	must(q.QueryRow(query, args...).Scan(&n))
	return
}

func fails(number uint16, err error) {
	var e *mysql.MySQLError
	if !errors.As(err, &e) || e.Number != number {
		panic(fmt.Sprintf("error %d expected, %v came", number, err))
	}
}

func statements() []string {
	text, err := ioutil.ReadFile("tables.sql")
	must(err)
	var out []string
	for _, s := range strings.Split(string(text), ";\n") {
		if strings.HasPrefix(s, "--") {
			s = s[strings.Index(s, "\n")+1:]
		}
		if strings.TrimSpace(s) != "" {
			out = append(out, s)
		}
	}
	return out
}

func crud(db *sql.DB) {
	for round := int64(0); round < 12; round++ {
		title := fmt.Sprintf("it's \\ 100%% %d", round)
		_, id := exec(db, "INSERT INTO items (title, points) VALUES (?, ?)", title, round)
		affected, _ := exec(db, "UPDATE items SET points = points + ? WHERE id = ?", 2, id)
		same(affected, int64(1))
		var got string
		var points int64
		must(db.QueryRow("SELECT title, points FROM items WHERE id = ?", id).Scan(&got, &points))
		same(got, title)
		same(points, round+2)
		affected, _ = exec(db, "DELETE FROM items WHERE id = ?", id)
		same(affected, int64(1))
		same(db.QueryRow("SELECT title FROM items WHERE id = ?", id).Scan(&got), sql.ErrNoRows)
	}
	rows, err := db.Query("SELECT id FROM items WHERE id > ? ORDER BY id LIMIT ?", 0, 2)
	must(err)
	defer rows.Close()
	n := 0
	for rows.Next() {
		n++
	}
	same(n, 2)
}

func transaction(db *sql.DB) {
	exec(db, "DELETE FROM items")
	for _, left := range []int64{0, 4} {
		tx, err := db.BeginTx(context.Background(), &sql.TxOptions{Isolation: sql.LevelReadCommitted})
		must(err)
		for i := 0; i < 4; i++ {
			_, err = tx.Exec("INSERT INTO items (title, points) VALUES (?, ?)", fmt.Sprint("t", i), i)
			must(err)
		}
		same(count(tx, "SELECT COUNT(*) FROM items"), int64(4))
		same(count(db, "SELECT COUNT(*) FROM items"), int64(0))
		if left == 0 {
			must(tx.Rollback())
		} else {
			must(tx.Commit())
		}
		same(count(db, "SELECT COUNT(*) FROM items"), left)
	}
}

func types(db *sql.DB) {
	var names []string
	var args []interface{}
	for _, c := range values {
		names = append(names, c.name)
		args = append(args, c.want)
	}
	names, args = append(names, "missing"), append(args, nil)
	list := strings.Join(names, ", ")
	exec(db, "DELETE FROM things")
	for id := 0; id < 8; id++ {
		exec(db, "INSERT INTO things (id, "+list+") VALUES (?"+strings.Repeat(", ?", len(names))+")", append([]interface{}{id}, args...)...)
	}
	exec(db, "INSERT INTO things (id) VALUES (?)", 8)
	for _, query := range []string{"SELECT " + list + " FROM things WHERE id = ?", "SELECT " + list + " FROM things WHERE id <= ? ORDER BY id"} {
		rows, err := db.Query(query, 5)
		must(err)
		n := 0
		for ; rows.Next(); n++ {
			into := make([]interface{}, len(names))
			for i, c := range values {
				into[i] = reflect.New(reflect.TypeOf(c.want)).Interface()
			}
			var missing sql.NullString
			into[len(names)-1] = &missing
			must(rows.Scan(into...))
			for i, c := range values {
				same(reflect.ValueOf(into[i]).Elem().Interface(), c.want)
			}
			same(missing.Valid, false)
		}
		must(rows.Err())
		same(n == 1 || n == 6, true)
	}
	rows, err := db.Query("SELECT "+list+" FROM things WHERE id = ?", 8)
	must(err)
	kinds, err := rows.ColumnTypes()
	must(err)
	same(kinds[3].DatabaseTypeName(), "BIGINT")
	rows.Next()
	all := make([]sql.RawBytes, len(names))
	into := make([]interface{}, len(names))
	for i := range all {
		into[i] = &all[i]
	}
	must(rows.Scan(into...))
	for _, b := range all {
		same(b == nil, true)
	}
	must(rows.Close())
}

func big(size int) func(db *sql.DB) {
	return func(db *sql.DB) {
		body := bytes.Repeat(everyByte, size/256)
		exec(db, "REPLACE INTO big (id, body) VALUES (?, ?)", 1, body)
		var got []byte
		must(db.QueryRow("SELECT body FROM big WHERE id = ?", 1).Scan(&got))
		if !bytes.Equal(got, body) {
			panic("the bytes differ")
		}
	}
}

func stream(db *sql.DB) {
	exec(db, "DELETE FROM many")
	for start := 0; start < 10000; start += 1000 {
		var rows []string
		for i := start; i < start+1000; i++ {
			rows = append(rows, fmt.Sprintf("(%d, 'word %d')", i, i))
		}
		exec(db, "INSERT INTO many VALUES "+strings.Join(rows, ", "))
	}
	rows, err := db.Query("SELECT id, word FROM many WHERE id >= ? ORDER BY id", 0)
	must(err)
	n := 0
	for ; rows.Next(); n++ {
		var id int
		var word string
		must(rows.Scan(&id, &word))
		same(id, n)
		same(word, fmt.Sprint("word ", n))
	}
	must(rows.Err())
	same(n, 10000)
}

func procedure(db *sql.DB) {
	exec(db, "DROP PROCEDURE IF EXISTS two")
	exec(db, "CREATE PROCEDURE two(IN n INT) BEGIN SELECT n AS a; SELECT n + 1 AS b UNION SELECT n + 2; END")
	rows, err := db.Query("CALL two(?)", 5)
	must(err)
	var found []int64
	for {
		for rows.Next() {
			var n int64
			must(rows.Scan(&n))
			found = append(found, n)
		}
		if !rows.NextResultSet() {
			break
		}
	}
	must(rows.Err())
	same(found, []int64{5, 6, 7})
}

func main() {
	if useTLS {
		pem, err := ioutil.ReadFile(os.Getenv("DRIVER_CA"))
		must(err)
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(pem)
		must(mysql.RegisterTLSConfig("test", &tls.Config{RootCAs: pool, ServerName: "localhost"}))
	}
	mysql.SetLogger(nullLogger{})
	run("connect", false, "", func(db *sql.DB) {
		var got string
		must(db.QueryRow("SELECT DATABASE()").Scan(&got))
		same(got, schema)
		must(db.Ping())
	})
	if useTLS {
		run("tls", false, "", func(db *sql.DB) {
			var name, cipher string
			must(db.QueryRow("SHOW STATUS LIKE 'Ssl_cipher'").Scan(&name, &cipher))
			same(cipher != "", true)
		})
	}
	run("ddl", false, "", func(db *sql.DB) {
		for _, s := range statements() {
			exec(db, s)
		}
		exec(db, "ALTER TABLE items ADD COLUMN note VARCHAR(20) NULL")
		exec(db, "ALTER TABLE items DROP COLUMN note")
	})
	for _, interpolate := range []bool{false, true} {
		how := map[bool]string{false: "_prepared", true: "_text"}[interpolate]
		run("generated_id"+how, interpolate, "", func(db *sql.DB) {
			db.SetMaxOpenConns(1)
			_, id := exec(db, "INSERT INTO items (title) VALUES (?)", "one")
			same(count(db, "SELECT LAST_INSERT_ID()"), id)
			affected, id := exec(db, "INSERT INTO items (title) VALUES (?), (?), (?)", "a", "b", "c")
			same(affected, int64(3))
			same(count(db, "SELECT COUNT(*) FROM items WHERE id = ? AND title = ?", id+2, "c"), int64(1))
		})
		run("crud"+how, interpolate, "", crud)
		run("transaction"+how, interpolate, "", transaction)
		run("types"+how, interpolate, "", types)
		run("error"+how, interpolate, "", func(db *sql.DB) {
			_, id := exec(db, "INSERT INTO items (title) VALUES ('first')")
			_, err := db.Exec("INSERT INTO items (id, title) VALUES (?, ?)", id, "again")
			fails(1062, err)
			_, err = db.Query("SELECT * FROM not_there WHERE id = ?", 1)
			fails(1146, err)
			_, err = db.Exec("SELEC ?", 1)
			fails(1064, err)
			same(count(db, "SELECT 1"), int64(1))
		})
		run("big_1m"+how, interpolate, "", big(1<<20))
		run("big_20m"+how, interpolate, "", big(20<<20))
		run("stream"+how, interpolate, "", stream)
		if !sharded {
			run("procedure"+how, interpolate, "", procedure)
		}
	}
	run("multi_statements", false, "&multiStatements=true", func(db *sql.DB) {
		rows, err := db.Query("SELECT 1; DELETE FROM items WHERE id = -1; SELECT 3")
		must(err)
		var found []int64
		for {
			for rows.Next() {
				var n int64
				must(rows.Scan(&n))
				found = append(found, n)
			}
			if !rows.NextResultSet() {
				break
			}
		}
		must(rows.Err())
		same(found, []int64{1, 3})
	})
	run("statement_on_many_connections", false, "", func(db *sql.DB) {
		s, err := db.Prepare("SELECT word FROM many WHERE id = ?")
		must(err)
		done := make(chan interface{}, 8)
		for k := 0; k < 8; k++ {
			go func(k int) {
				defer func() { done <- recover() }()
				for i := 0; i < 50; i++ {
					var word string
					must(s.QueryRow(k*100 + i).Scan(&word))
					same(word, fmt.Sprint("word ", k*100+i))
				}
			}(k)
		}
		for k := 0; k < 8; k++ {
			if e := <-done; e != nil {
				panic(e)
			}
		}
	})
	run("cancel", false, "", func(db *sql.DB) {
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		defer cancel()
		began := time.Now()
		_, err := db.QueryContext(ctx, "SELECT SLEEP(?)", 20)
		same(err != nil && time.Since(began) < 5*time.Second, true)
		same(count(db, "SELECT 1"), int64(1))
	})
	run("reconnect", false, "", func(db *sql.DB) {
		db.SetMaxOpenConns(1)
		other := open(false, "")
		defer other.Close()
		exec(other, fmt.Sprintf("KILL %d", count(db, "SELECT CONNECTION_ID()")))
		// The pool finds the connection dead and opens another.
		same(count(db, "SELECT 1"), int64(1))
	})
	fmt.Println("done")
}

type nullLogger struct{}

func (nullLogger) Print(...interface{}) {}
