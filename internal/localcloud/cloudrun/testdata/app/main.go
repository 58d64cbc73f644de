// App is the container of the tests: it tells what it was given and misbehaves on demand.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

func main() {
	if os.Getenv("CLOUD_RUN_JOB") != "" {
		task()
		return
	}
	if os.Getenv("APP_EXIT") != "" {
		fmt.Println("exiting as told")
		os.Exit(3)
	}
	if d, err := time.ParseDuration(os.Getenv("APP_STARTS_FOR")); err == nil {
		time.Sleep(d)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	var sick atomic.Bool
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		wd, _ := os.Getwd()
		_ = json.NewEncoder(w).Encode(map[string]any{
			"env": os.Environ(), "args": os.Args, "uid": os.Getuid(), "dir": wd, "pid": os.Getpid(),
			"header": r.Header, "host": r.Host, "color": os.Getenv("COLOR"),
		})
	})
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		if _, err := os.Stat(fmt.Sprintf("%s.%d", os.Getenv("APP_SICK_FILE"), os.Getpid())); err == nil || sick.Load() || os.Getenv("APP_SICK") != "" {
			http.Error(w, "sick", http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("/sicken", func(http.ResponseWriter, *http.Request) { sick.Store(true) })
	mux.HandleFunc("/crash", func(http.ResponseWriter, *http.Request) { os.Exit(7) })
	mux.HandleFunc("/hold", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("X-Pid", strconv.Itoa(os.Getpid()))
		fmt.Fprintln(w, "holding")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	mux.HandleFunc("/burn", func(_ http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			for n := 0; n < 1e6; n++ { //nolint:revive // it is to use the CPU
			}
		}
	})
	release := make(chan struct{}, 1)
	mux.HandleFunc("/finish", func(http.ResponseWriter, *http.Request) { release <- struct{}{} })
	mux.HandleFunc("/work", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Port", os.Getenv("PORT"))
		fmt.Fprintln(w, "working")
		_ = http.NewResponseController(w).Flush()
		<-release
		fmt.Println("worked")
		fmt.Fprintln(w, "worked")
	})
	mux.HandleFunc("/nap", func(w http.ResponseWriter, r *http.Request) {
		d, _ := time.ParseDuration(r.FormValue("for"))
		select {
		case <-time.After(d):
			fmt.Fprintln(w, "slept", d)
		case <-r.Context().Done():
		}
	})
	stopped := make(chan struct{})
	srv := &http.Server{Addr: "127.0.0.1:" + os.Getenv("PORT"), Handler: mux}
	go func() {
		<-ctx.Done()
		stop() // a second SIGTERM would end the process in the middle of this
		fmt.Println("told to stop")
		if d, err := time.ParseDuration(os.Getenv("APP_TIDIES_FOR")); err == nil {
			time.Sleep(d)
			fmt.Println("tidied up")
		}
		wait, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = srv.Shutdown(wait)
		close(stopped)
	}()
	fmt.Println(`{"message":"listening","args":"` + strings.Join(os.Args, " ") + `"}`)
	if err := srv.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		fmt.Println(err)
		os.Exit(1)
	}
	<-stopped
}
