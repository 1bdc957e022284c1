package app

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/detour-net/detour/internal/config"
)

// Serve runs one replica as the configuration at path says, until ctx ends. What is in force is printed to out, the log
// goes to logs as JSON lines.
func Serve(ctx context.Context, path string, out, logs io.Writer) error {
	c, err := config.Load(path)
	if err != nil {
		return err
	}
	log, err := NewLogger(c.Log.Level, logs)
	if err != nil {
		return err
	}
	defer CollectLess()()
	a, err := New(ctx, c, log)
	if err != nil {
		return err
	}
	for _, s := range c.Describe() {
		fmt.Fprintf(out, "%-44s %-28s %s\n", s.Name, s.Value, s.Source)
	}
	fmt.Fprintf(out, "replica %s, mode %s, API and console at %s\n", a.worker.Me(), c.Mode, a.URL())
	return a.Run(ctx)
}

// garbagePercent is GOGC while a replica serves. It holds some tens of MiB, and makes much garbage in little time: in a storm,
// and when it follows a long ledger at its start. Collected at the usual pace that costs a quarter of both.
const garbagePercent = 400

// CollectLess lets garbage of this process lie for longer, as Serve does, until the returned function is called. GOGC in
// the environment has the last word.
func CollectLess() (usual func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	percent := debug.SetGCPercent(garbagePercent)
	return func() { debug.SetGCPercent(percent) }
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
