package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

// task is what the program does as a task of a job.
func task() {
	_ = json.NewEncoder(os.Stdout).Encode(map[string]any{"env": os.Environ(), "args": os.Args, "pid": os.Getpid()})
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	for os.Getenv("APP_DEAF") != "" {
		<-signals
	}
	if nap, err := time.ParseDuration(os.Getenv("APP_NAP")); err == nil {
		select {
		case <-time.After(nap):
		case <-signals:
			fmt.Println(`{"message":"ending early"}`)
			return
		}
	}
	attempt, _ := strconv.Atoi(os.Getenv("CLOUD_RUN_TASK_ATTEMPT"))
	if fails, err := strconv.Atoi(os.Getenv("APP_FAILS")); err == nil && attempt < fails {
		os.Exit(3)
	}
	if os.Getenv("APP_KILL") != "" {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
}
