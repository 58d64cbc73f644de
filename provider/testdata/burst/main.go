// Command burst is a service as a website is one, as far as its database goes: each request takes a connection of the pool and has a
// query run on it that takes a known time. A request that gets no connection is told why.
package main

import (
	"context"
	"errors"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

func main() {
	log.SetFlags(0)
	config, err := pgxpool.ParseConfig(os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal("DATABASE_URL is no address of a database")
	}
	config.MaxConns = int32(number("DB_POOL_MAX"))
	pool, err := pgxpool.NewWithConfig(context.Background(), config) // connects when it is first needed
	if err != nil {
		log.Fatal(err)
	}
	time.Sleep(time.Duration(number("START_MS")) * time.Millisecond) // what a larger program does before it is ready
	seconds := float64(number("QUERY_MS")) / 1000
	log.Print("burst: ready")
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := pool.Exec(r.Context(), "select pg_sleep($1)", seconds); err != nil {
			code := "none"
			if e := (*pgconn.PgError)(nil); errors.As(err, &e) {
				code = e.Code
			}
			w.Header().Set("X-SQLState", code)
			http.Error(w, "no answer of the database: SQLSTATE "+code, http.StatusInternalServerError)
		}
	})
	server := &http.Server{Addr: net.JoinHostPort(os.Getenv("AUGUST_LISTEN_HOST"), os.Getenv("PORT")), Handler: handler, ReadHeaderTimeout: time.Minute}
	log.Fatal(server.ListenAndServe())
}

func number(name string) int {
	n, err := strconv.Atoi(os.Getenv(name))
	if err != nil {
		log.Fatal(name + " is no number")
	}
	return n
}
