package app

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/detour-net/detour/internal/config"
)

// Serve runs one replica as the configuration at path says, until ctx ends. A signal on reload has the policy's file taken
// as it is then. What is in force is printed to out, the log goes to logs as JSON lines.
func Serve(ctx context.Context, path string, reload <-chan os.Signal, out, logs io.Writer) error {
	c, err := config.Load(path)
	if err != nil {
		return err
	}
	log, err := NewLogger(c.Log.Level, logs)
	if err != nil {
		return err
	}
	defer Tune()()
	a, err := New(ctx, c, log)
	if err != nil {
		return err
	}
	a.policy.now = reload
	for _, s := range c.Describe() {
		fmt.Fprintf(out, "%-44s %-28s %s\n", s.Name, s.Value, s.Source)
	}
	fmt.Fprintf(out, "replica %s, mode %s, API and console at %s\n", a.worker.Me(), c.Mode, a.URL())
	return a.Run(ctx)
}

// How the Go runtime is set while a replica serves.
const (
	// garbagePercent is GOGC. A replica holds some tens of MiB, and makes much garbage in little time: in a storm, and when it
	// follows a long ledger at its start. Collected at the usual pace that costs a quarter of both.
	garbagePercent = 400

	// leastProcs is the least GOMAXPROCS. An embedded server waits for the disk with every write, and Go takes some time to
	// give the processor of a thread that waits so to another one: with two, half of a small machine stands still meanwhile.
	leastProcs = 4
)

// Tune sets the Go runtime of this process as Serve does, until the returned function is called. GOGC and GOMAXPROCS in the
// environment have the last word.
func Tune() (usual func()) {
	percent, procs := garbagePercent, max(leastProcs, runtime.GOMAXPROCS(0))
	if os.Getenv("GOGC") == "" {
		percent = debug.SetGCPercent(percent)
	}
	if os.Getenv("GOMAXPROCS") == "" {
		procs = runtime.GOMAXPROCS(procs)
	}
	return func() {
		if os.Getenv("GOGC") == "" {
			debug.SetGCPercent(percent)
		}
		if os.Getenv("GOMAXPROCS") == "" {
			runtime.GOMAXPROCS(procs)
		}
	}
}

// NewLogger returns a logger that writes JSON lines to w.
func NewLogger(level string, w io.Writer) (*zap.Logger, error) {
	at, err := zapcore.ParseLevel(level)
	if err != nil {
		return nil, fmt.Errorf("log.level: %w", err)
	}
	encoder := zap.NewProductionEncoderConfig()
	encoder.EncodeTime = zapcore.ISO8601TimeEncoder
	return zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(encoder), zapcore.Lock(zapcore.AddSync(w)), at)), nil
}
