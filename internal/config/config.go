package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/config/bounded"
	"github.com/detour-net/detour/internal/config/strict"
	"github.com/detour-net/detour/internal/network"
	"github.com/detour-net/detour/policy"
)

// Config is the service's configuration, complete and checked.
type Config struct {
	Path        string // of the file, absolute
	Mode        events.Mode
	Domain      string // the part of the network that this ledger is about, a token of its subjects
	Replica     Replica
	NATS        NATS
	Listen      Listen
	Telemetry   Telemetry
	Log         Log
	Traces      Traces
	Auth        Auth
	Tokens      []Token // who may call the HTTP API; none: nobody may change anything through it
	SessionKey  []byte  // the secret that sessions at the console are sealed with; nil: each replica has its own
	LoginSecret string  // of auth.oidc
	Slack       *Slack  // nil: nothing is shown there
	Secrets     SlackSecrets

	Mattermost        *Mattermost // nil: nothing is shown there
	MattermostSecrets MattermostSecrets

	People   People    // who is who in the chat, as it was when the configuration was read
	OnCall   []OnCall  // where it stands who is on call
	Handover *Handover // nil: none is told in a chat by itself

	Notify        *Notify // nil: nobody is told who could not answer
	NotifySecrets NotifySecrets

	Checkpoints *Checkpoints // nil: nothing of the ledger leaves the cluster by itself
	Signing     Signing

	Files       Files
	Network     *network.Topology
	Traffic     network.Matrix // as it was when the configuration was read; no demands: none is named
	Resolver    *network.Resolver
	Policy      *policy.Policy
	PolicyBytes events.Digest // of what the policy file held

	doc *strict.Document
}

// Files are the absolute paths of what the configuration names.
type Files struct {
	Inventory string
	Topology  string
	Traffic   string // "" when none is named
	Policy    string
	Tokens    string // "" when none is named
	People    string // "" when none is named
}

// Replica is this process among those of its domain.
type Replica struct {
	Name string `yaml:"name"` // unique in the domain; default the host's name
	Rank int    `yaml:"rank"` // 0 to 15: who tries first when several replicas could, and takes in anomalies for all; it is an economy, nothing depends on it
}

// Telemetry says how often routers are asked to send counters.
type Telemetry struct {
	Interval events.Duration `yaml:"interval"` // between two samples; must be below the policy's clocks.fresh
}

// Log says how much the log tells.
type Log struct {
	Level string `yaml:"level"` // debug, info, warn or error
}

// file is the configuration as written.
type file struct {
	Mode        events.Mode  `yaml:"mode"`
	Domain      string       `yaml:"domain"`
	Replica     Replica      `yaml:"replica"`
	NATS        NATS         `yaml:"nats"`
	Listen      Listen       `yaml:"listen"`
	Telemetry   Telemetry    `yaml:"telemetry"`
	Log         Log          `yaml:"log"`
	Traces      Traces       `yaml:"traces"`
	Auth        Auth         `yaml:"auth"`
	Chat        *Chat        `yaml:"chat"`
	Notify      *Notify      `yaml:"notify"`
	Checkpoints *Checkpoints `yaml:"checkpoints"`
	Inventory   string       `yaml:"inventory"`
	Topology    string       `yaml:"topology"`
	Traffic     string       `yaml:"traffic"`
	Policy      string       `yaml:"policy"`
}

func defaults() file {
	return file{
		Mode:      events.DryRun,
		Domain:    "default",
		Replica:   Replica{Name: hostname()},
		NATS:      NATS{Replicas: 1, Streams: MakeStreams},
		Listen:    Listen{HTTP: "127.0.0.1:8080"},
		Telemetry: Telemetry{Interval: events.Duration(2 * time.Second)},
		Log:       Log{Level: "info"},
		Auth:      Auth{Fresh: events.Duration(15 * time.Minute)},
	}
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "detour"
	}
	return name
}

// Load reads the configuration at path and everything that it names. What is wrong is reported for all files at once.
func Load(path string) (*Config, error) {
	raw, err := bounded.ReadFile(path, strict.MaxBytes)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	f := defaults()
	doc, err := strict.Read(path, raw, &f)
	if err != nil {
		return nil, err
	}
	s := section{doc: doc, dir: filepath.Dir(abs)}
	s.top(f)
	s.nats(&f.NATS)
	s.listen(&f.Listen)
	s.traces(f.Traces)
	secrets, people := s.chat(f.Chat, abs)
	c := &Config{
		Path: abs, Mode: f.Mode, Domain: f.Domain, Replica: f.Replica, NATS: f.NATS, Listen: f.Listen, Telemetry: f.Telemetry, Log: f.Log, Traces: f.Traces, Secrets: secrets, doc: doc,
		Auth: f.Auth, SessionKey: s.auth(f.Auth), LoginSecret: s.oidc(f.Auth.OIDC),
		Files: Files{
			Inventory: s.named("inventory", f.Inventory, abs, true), Topology: s.named("topology", f.Topology, abs, true),
			Traffic: s.named("traffic", f.Traffic, abs, false), Policy: s.named("policy", f.Policy, abs, true), Tokens: s.tokensFile(f.Auth.Tokens, abs), People: people,
		},
	}
	c.OnCall = s.onCall(f.Chat, abs)
	if f.Chat != nil {
		c.Slack, c.Mattermost, c.MattermostSecrets = f.Chat.Slack, f.Chat.Mattermost, s.mattermost(f.Chat)
		c.Handover = f.Chat.Handover
	}
	c.Notify, c.NotifySecrets = f.Notify, s.notify(f.Notify)
	c.Checkpoints, c.Signing = f.Checkpoints, s.checkpoints(f.Checkpoints, f.Domain)
	if err := errors.Join(doc.Err(), c.read()); err != nil {
		return nil, err
	}
	return c, nil
}

// read reads the files that the configuration names, as far as it names them, and holds them against each other.
func (c *Config) read() error {
	var errs []error
	var err error
	if c.Files.Inventory != "" && c.Files.Topology != "" {
		if c.Network, err = network.Load(c.Files.Inventory, c.Files.Topology); err == nil {
			c.Resolver, err = network.NewResolver(c.Network)
		}
		errs = append(errs, err)
		if err == nil && c.Files.Traffic != "" {
			c.Traffic, err = network.LoadMatrix(c.Files.Traffic, c.Network)
			errs = append(errs, err)
		}
	}
	if c.Files.Policy != "" {
		raw, err := NewPolicyFile(c.Files.Policy).Read()
		if err == nil {
			c.Policy, err = c.ParsePolicy(raw)
			c.PolicyBytes = events.DigestBytes(raw)
		}
		errs = append(errs, err)
	}
	if c.Files.People != "" {
		if c.People, err = NewPeopleFile(c.Files.People).Read(); err == nil {
			err = c.readOnCall(time.Now())
		}
		if err == nil && c.Auth.OIDC == nil {
			err = c.People.known(c.Files.People)
		}
		errs = append(errs, err)
	}
	if c.Files.Tokens != "" {
		c.Tokens, err = loadTokens(c.Files.Tokens)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// section checks parts of the configuration and places what is wrong.
type section struct {
	doc *strict.Document
	dir string // of the configuration file
}

func (s section) bad(path, format string, args ...any) { s.doc.Bad(path, format, args...) }

var plain = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,62})$`)

func (s section) top(f file) {
	if f.Mode != events.DryRun && f.Mode != events.Live {
		s.bad("mode", "%q: want %s or %s", f.Mode, events.DryRun, events.Live)
	}
	if f.Domain == "" || f.Domain != events.Token(f.Domain) || len(f.Domain) > 63 {
		s.bad("domain", "%q: want 1 to 63 of a-z, 0-9, - and _", f.Domain)
	}
	if !plain.MatchString(f.Replica.Name) {
		s.bad("replica.name", "%q: want 1 to 63 letters, digits, dots, - and _", f.Replica.Name)
	}
	if f.Replica.Rank < 0 || f.Replica.Rank > 15 {
		s.bad("replica.rank", "%d: want 0 (tries first) to 15", f.Replica.Rank)
	}
	if d := f.Telemetry.Interval.Std(); d < 10*time.Millisecond || d > time.Minute {
		s.bad("telemetry.interval", "%s: want 10ms to 1m0s", d)
	}
	switch f.Log.Level {
	case "debug", "info", "warn", "error":
	default:
		s.bad("log.level", "%q: want debug, info, warn or error", f.Log.Level)
	}
}

// named is the absolute path of a file that the configuration names at key. It must not be the configuration itself.
func (s section) named(key, path, self string, needed bool) string {
	if path == "" {
		if needed {
			s.bad(key, "%s is missing: name the file, relative to this one", key)
		}
		return ""
	}
	abs := s.abs(path)
	mine, err := bounded.Stat(self)
	its, err2 := bounded.Stat(abs)
	switch {
	case err2 != nil:
		s.bad(key, "%s", err2)
		return ""
	case its.IsDir():
		s.bad(key, "%s is a folder; want a file", path)
		return ""
	case err == nil && os.SameFile(mine, its):
		s.bad(key, "%s is this file itself: a cycle", path)
		return ""
	}
	return abs
}

func (s section) abs(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(s.dir, path)
}
