package frr

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// ISISD is the isisd whose sockets lie in a directory. It keeps no connection; each method opens one.
type ISISD struct{ Dir string }

// Instance is the IS-IS instance, called an area tag by FRR, that is configured and read here.
const Instance = "CORE"

// Status is what isisd says of itself at one moment.
type Status struct {
	Version    string
	Started    time.Time         // when this isisd was
	Hostnames  map[string]string // by system identifier
	Circuits   map[string]Circuit
	Neighbours map[string][]Neighbour // by interface
	Database   []LSP
}

// Status asks for everything that a router shows.
func (d ISISD) Status(ctx context.Context) (Status, error) {
	s, err := open(ctx, d.Dir, "isisd")
	if err != nil {
		return Status{}, err
	}
	defer s.close()
	var status Status
	// The daemon writes its process id once, when it starts.
	pid, err := os.Stat(filepath.Join(d.Dir, "isisd.pid"))
	if err != nil {
		return Status{}, fmt.Errorf("%w: %w", ErrDown, err)
	}
	status.Started = pid.ModTime()
	for _, q := range []struct {
		command string
		take    func(answer string) error
	}{
		{"show version", func(a string) error { status.Version = version(a); return nil }},
		{"show isis hostname", func(a string) error { status.Hostnames = hostnames(a); return nil }},
		{"show isis interface detail", func(a string) (err error) { status.Circuits, err = circuits(a); return err }},
		{"show yang operational-data /frr-interface:lib", func(a string) (err error) { status.Neighbours, err = neighbours(a); return err }},
		{"show isis database detail", func(a string) (err error) { status.Database, err = database(a, status.Hostnames); return err }},
	} {
		answer, err := s.run(ctx, q.command)
		if err != nil {
			return Status{}, err
		}
		if err := q.take(answer); err != nil {
			return Status{}, fmt.Errorf("read the answer to %q: %w", q.command, err)
		}
	}
	return status, nil
}

// Routes are the prefixes that isisd has computed a way to, through a neighbour.
func (d ISISD) Routes(ctx context.Context) (map[netip.Prefix]bool, error) {
	s, err := open(ctx, d.Dir, "isisd")
	if err != nil {
		return nil, err
	}
	defer s.close()
	answer, err := s.run(ctx, "show isis route")
	if err != nil {
		return nil, err
	}
	return routes(answer), nil
}

// Running is the configuration that is in force.
func (d ISISD) Running(ctx context.Context) (Config, error) {
	s, err := open(ctx, d.Dir, "isisd")
	if err != nil {
		return Config{}, err
	}
	defer s.close()
	answer, err := s.run(ctx, "show configuration running json")
	if err != nil {
		return Config{}, err
	}
	c, err := running(answer)
	if err != nil {
		return Config{}, fmt.Errorf("read the running configuration: %w", err)
	}
	return c, nil
}

// Change is what a commit alters. What is not named stays.
type Change struct {
	Metrics  map[string]uint32 `json:"metrics,omitempty"` // by interface; 0 takes the metric out of the configuration
	Overload *bool             `json:"overload,omitempty"`
}

// Empty says whether nothing is to be altered.
func (c Change) Empty() bool { return len(c.Metrics) == 0 && c.Overload == nil }

// Commit makes a change as a whole or not at all. When it returns a CommandError nothing was changed; when it returns an
// error that wraps ErrDown, nobody knows, unless it wraps ErrUnsent too. Nothing is committed once ctx has ended, but a
// commit that has begun is waited for.
func (d ISISD) Commit(ctx context.Context, c Change) error {
	s, err := open(ctx, d.Dir, "isisd")
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnsent, err)
	}
	defer s.close()
	// Exclusive: a person at the router's own command line is kept from changing what this change was decided on.
	for _, command := range append([]string{"configure exclusive"}, c.commands()...) {
		if _, err := s.run(ctx, command); err != nil {
			return fmt.Errorf("%w: %w", ErrUnsent, err)
		}
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrUnsent, err)
	}
	_, err = s.run(context.WithoutCancel(ctx), "commit")
	return err
}

// ErrUnsent says that a change never came to its commit.
var ErrUnsent = errors.New("not committed")

func (c Change) commands() []string {
	var list []string
	for _, name := range sortedKeys(c.Metrics) {
		metric := "no isis metric"
		if value := c.Metrics[name]; value != 0 {
			metric = fmt.Sprintf("isis metric %d", value)
		}
		list = append(list, "interface "+name, metric, "exit")
	}
	if c.Overload != nil {
		word := "set-overload-bit"
		if !*c.Overload {
			word = "no " + word
		}
		list = append(list, "router isis "+Instance, word, "exit")
	}
	return list
}

// version is the number in "FRRouting 8.4.4 (den) on Linux(6.1)."
func version(answer string) string {
	words := strings.Fields(answer)
	if len(words) < 2 {
		return ""
	}
	return words[0] + " " + words[1]
}
