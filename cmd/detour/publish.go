package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/app"
	"github.com/detour-net/detour/internal/bus"
	"github.com/detour-net/detour/internal/config"
	"github.com/detour-net/detour/internal/intake"
)

// publishWithin is how long the bus may take to be reached and to store everything.
const publishWithin = 30 * time.Second

// goodbyeWithin is how long the connection may take to end.
const goodbyeWithin = 2 * time.Second

func newPublish(c *cli) *cobra.Command {
	var url, file, domain string
	cmd := &cobra.Command{
		Use: "publish FILE|-", Short: "Publish anomalies to the bus", Args: takes("FILE|-"),
		Long: "Publishes CloudEvents from a file, or from standard input: one JSON object, one a line, or an array. Every one is\n" +
			"checked first; if one is not in order, none is published. Exits 0 only when every one is stored on the bus.\n" +
			"The bus is that of --nats, or of the configuration that --config or DETOUR_CONFIG names.",
		RunE: func(cmd *cobra.Command, args []string) error {
			raw, err := c.read(args[0])
			if err != nil {
				return err
			}
			list, err := readEvents(raw)
			if err != nil {
				return usage("%s: %w; nothing was published", args[0], err)
			}
			to, inDomain, err := destination(url, file)
			if err != nil {
				return &codedError{err, exitUsage}
			}
			within := publishWithin
			if c.patience {
				within = c.timeout
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), within)
			defer cancel()
			inDomain = cmp.Or(domain, inDomain)
			if err := publish(ctx, to, inDomain, list); err != nil {
				return err
			}
			c.note("%d events stored in domain %s", len(list), inDomain)
			return c.show(map[string]any{"stored": len(list), "domain": inDomain}, func() error { return nil })
		},
	}
	cmd.Flags().StringVar(&url, "nats", os.Getenv("NATS_URL"), "URL of the bus, several with commas (NATS_URL)")
	cmd.Flags().StringVar(&file, "config", os.Getenv("DETOUR_CONFIG"), "configuration that says how the bus is reached (DETOUR_CONFIG)")
	cmd.Flags().StringVar(&domain, "domain", "", "domain of the events (default: the configuration's)")
	return cmd
}

// read is the whole of a file, or of standard input for "-".
func (c *cli) read(name string) ([]byte, error) {
	if name == "-" {
		raw, err := io.ReadAll(c.stdin)
		if err != nil {
			return nil, fmt.Errorf("read standard input: %w", err)
		}
		return raw, nil
	}
	raw, err := os.ReadFile(name)
	if err != nil {
		return nil, &codedError{fmt.Errorf("read events: %w", err), exitUsage}
	}
	return raw, nil
}

// readEvents reads events that stand one after the other or in an array. The error names the line of the first that is
// not in order.
func readEvents(raw []byte) ([]events.Event, error) {
	var list []events.Event
	lines := map[string]int{} // by id: the line that it stands on
	array := bytes.HasPrefix(bytes.TrimSpace(raw), []byte("["))
	d := json.NewDecoder(bytes.NewReader(raw))
	if array {
		_, _ = d.Token() // the bracket that is there
	}
	for d.More() {
		start := skip(raw, d.InputOffset())
		var one json.RawMessage
		if err := d.Decode(&one); err != nil {
			return nil, fmt.Errorf("line %d: %w", lineAt(raw, start), err)
		}
		line := lineAt(raw, start)
		e, err := events.ParseEvent(one)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		if other, twice := lines[e.ID]; twice {
			return nil, fmt.Errorf("line %d: id %q stands on line %d too, and the bus keeps only one event of an id", line, e.ID, other)
		}
		lines[e.ID] = line
		list = append(list, e)
	}
	if array {
		if _, err := d.Token(); err != nil {
			return nil, fmt.Errorf("line %d: the array does not end: %w", lineAt(raw, len(raw)), err)
		}
	}
	if rest := skip(raw, d.InputOffset()); rest < len(raw) {
		return nil, fmt.Errorf("line %d: something stands behind the last event", lineAt(raw, rest))
	}
	if len(list) == 0 {
		return nil, errors.New("there is no event in it")
	}
	return list, nil
}

// skip is the offset of the first byte from offset on that belongs to a value.
func skip(raw []byte, offset int64) int {
	return len(raw) - len(bytes.TrimLeft(raw[offset:], " \t\r\n,"))
}

func lineAt(raw []byte, offset int) int { return 1 + bytes.Count(raw[:offset], []byte("\n")) }

// destination is the bus, and the domain that its configuration names.
func destination(url, file string) (bus.Config, string, error) {
	const fallback = "default"
	switch {
	case url != "":
		return bus.Config{URLs: strings.Split(url, ",")}, fallback, nil
	case file == "":
		return bus.Config{}, "", errors.New("which bus? give --nats URL, or --config FILE")
	}
	cfg, err := config.Load(file)
	if err != nil {
		return bus.Config{}, "", err
	}
	if e := cfg.NATS.Embedded; e != nil {
		if e.Port == 0 {
			return bus.Config{}, "", fmt.Errorf("%s: the embedded bus serves only its own process; give it nats.embedded.port", file)
		}
		return bus.Config{URLs: []string{fmt.Sprintf("nats://127.0.0.1:%d", e.Port)}}, cfg.Domain, nil
	}
	return app.Bus(cfg.NATS), cfg.Domain, nil
}

func publish(ctx context.Context, to bus.Config, domain string, list []events.Event) error {
	to.Name = "detour publish"
	conn, err := bus.Connect(to)
	if err != nil {
		return &codedError{err, exitUsage}
	}
	defer func() {
		// What matters has been acknowledged by then.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbyeWithin)
		defer cancel()
		_ = conn.Close(ctx)
	}()
	if err := conn.Wait(ctx); err != nil {
		return err
	}
	return intake.Publish(ctx, conn.JetStream(), domain, list)
}
