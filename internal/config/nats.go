package config

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/detour-net/detour/internal/config/bounded"
)

// NATS says which bus carries anomalies and ledger: one in this process, or servers elsewhere.
type NATS struct {
	Embedded *Embedded `yaml:"embedded"` // nil: URLs are given
	URLs     []string  `yaml:"urls"`

	// How the servers know this process; at most one of the three. Credentials is the path of a NATS credentials file and NKey
	// that of a user's seed, both written as "file:PATH"; Password is written as a secret is (see Secret).
	Credentials string    `yaml:"credentials"`
	NKey        string    `yaml:"nkey"`
	User        string    `yaml:"user"`
	Password    string    `yaml:"password"`
	TLS         ClientTLS `yaml:"tls"`

	PasswordFile string `yaml:"-"` // that Password was read from, "" if from elsewhere

	// APIPrefix is where this account has JetStream's API, "" for $JS.API. Streams says who makes what is missing: this
	// process (make, the default), or somebody else, with detour streams create (check).
	APIPrefix string `yaml:"api_prefix"`
	Streams   string `yaml:"streams"`

	// SyncAlways states that the servers write with sync_interval: always. Without it an acknowledged record may be lost in a
	// power cut, and the ledger refuses to run. Embedded, it is so.
	SyncAlways bool `yaml:"sync_always"`
	Replicas   int  `yaml:"replicas"` // copies of every stream on the servers, at least: 1, 3 or 5
}

// Embedded is a NATS server in this process.
type Embedded struct {
	Dir  string `yaml:"dir"`  // where its streams lie; one process at a time
	Port int    `yaml:"port"` // on 127.0.0.1, for publishers; 0: it serves only this process
}

// ClientTLS says how a server proves who it is, and how this process proves itself to it.
type ClientTLS struct {
	CA   string `yaml:"ca"`   // PEM file; the system's authorities when empty
	Cert string `yaml:"cert"` // PEM file of the client certificate, "" for none
	Key  string `yaml:"key"`
}

// Values of NATS.Streams.
const (
	MakeStreams  = "make"
	CheckStreams = "check"
)

// Existing reports whether streams are somebody else's to make.
func (n NATS) Existing() bool { return n.Streams == CheckStreams }

// Given reports whether anything of it is configured.
func (t ClientTLS) Given() bool { return t != (ClientTLS{}) }

// prefix is "", or a subject without wildcards.
var prefix = regexp.MustCompile(`^([A-Za-z0-9_$-]+(\.[A-Za-z0-9_$-]+)*)?$`)

func (s section) nats(n *NATS) {
	switch {
	case n.Embedded == nil && len(n.URLs) == 0:
		s.bad("nats", "nats: give embedded with dir, or urls")
		return
	case n.Embedded != nil && len(n.URLs) > 0:
		s.bad("nats", "nats: embedded and urls exclude each other")
		return
	case n.Embedded != nil:
		s.embedded(n)
		return
	}
	s.servers("nats", n)
	if !n.SyncAlways {
		s.bad("nats", "nats.sync_always: the ledger loses acknowledged records in a power cut unless every NATS server has jetstream { sync_interval: always }; set that, then state it here as sync_always: true")
	}
	if !prefix.MatchString(n.APIPrefix) {
		s.bad("nats.api_prefix", "%q: want the subject below which this account imports $JS.API, such as DETOUR.API", n.APIPrefix)
	}
	if n.Streams != MakeStreams && n.Streams != CheckStreams {
		s.bad("nats.streams", "%q: want %s (what is missing) or %s", n.Streams, MakeStreams, CheckStreams)
	}
	if n.Replicas != 1 && n.Replicas != 3 && n.Replicas != 5 {
		s.bad("nats.replicas", "%d: want 1, 3 or 5", n.Replicas)
	}
}

// servers checks at path how servers elsewhere are reached.
func (s section) servers(path string, n *NATS) {
	for i, raw := range n.URLs {
		u, err := url.Parse(raw)
		schemes := []string{"nats", "tls", "ws", "wss"}
		switch {
		case err != nil || u.Host == "" || !slices.Contains(schemes, u.Scheme):
			s.bad(index(path+".urls", i), "want a URL such as nats://host:4222 with one of the schemes %s", strings.Join(schemes, ", "))
		case u.User != nil:
			s.bad(index(path+".urls", i), "a secret stands in the URL; use %s.credentials: file:PATH, or %s.user and %s.password: file:PATH", path, path, path)
		}
	}
	s.identity(path, n)
	s.clientTLS(path+".tls", &n.TLS)
}

// identity reads how the servers know this process.
func (s section) identity(path string, n *NATS) {
	ways := 0
	for _, given := range []string{n.Credentials, n.NKey, n.User} {
		if given != "" {
			ways++
		}
	}
	switch {
	case ways > 1:
		s.bad(path, "%s: credentials, nkey and user exclude each other", path)
	case (n.User == "") != (n.Password == ""):
		s.bad(path, "%s: user and password belong together", path)
	}
	for key, file := range map[string]*string{"credentials": &n.Credentials, "nkey": &n.NKey} {
		if *file == "" {
			continue
		}
		name, ok := strings.CutPrefix(*file, "file:")
		if !ok {
			s.bad(path+"."+key, "want file:PATH")
			continue
		}
		*file = s.abs(name)
		info, err := bounded.Stat(*file)
		if err == nil {
			err = private(*file, info)
		}
		if err != nil {
			s.bad(path+"."+key, "%v", err)
		}
	}
	if n.Password != "" {
		var err error
		if file, ok := strings.CutPrefix(n.Password, "file:"); ok {
			n.PasswordFile = s.abs(file)
		}
		if n.Password, err = Secret(n.Password, s.dir); err != nil {
			s.bad(path+".password", "%v", err)
		}
	}
}

func (s section) embedded(n *NATS) {
	if n.Embedded.Dir == "" {
		s.bad("nats.embedded", "nats.embedded.dir is missing: the ledger lies in it")
	}
	n.Embedded.Dir = s.abs(n.Embedded.Dir)
	if n.Embedded.Port < 0 || n.Embedded.Port > 65535 {
		s.bad("nats.embedded.port", "%d: want 1 to 65535, or 0 to serve only this process", n.Embedded.Port)
	}
	for key, given := range map[string]bool{"credentials": n.Credentials != "", "nkey": n.NKey != "", "user": n.User != "", "password": n.Password != "", "tls": n.TLS.Given(), "sync_always": s.doc.Has("nats.sync_always"), "replicas": s.doc.Has("nats.replicas"), "api_prefix": n.APIPrefix != "", "streams": s.doc.Has("nats.streams")} {
		if given {
			s.bad("nats."+key, "belongs to nats.urls; the embedded server needs none and always syncs")
		}
	}
	n.SyncAlways = true
}

func (s section) clientTLS(path string, t *ClientTLS) {
	if (t.Cert == "") != (t.Key == "") {
		s.bad(path, "%s: cert and key belong together", path)
	}
	for key, file := range map[string]*string{"ca": &t.CA, "cert": &t.Cert, "key": &t.Key} {
		if *file != "" {
			*file = s.readable(path+"."+key, *file)
		}
	}
}
