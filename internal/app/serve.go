package app

import (
	"context"
	"fmt"
	"io"

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
