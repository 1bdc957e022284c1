package config

import (
	"errors"
	"strings"
	"time"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/ledger/checkpoint"
)

// Checkpoints says who signs how the ledger stands, and where that is kept outside of the cluster.
type Checkpoints struct {
	Key   string          `yaml:"key"`   // file:PATH or env:NAME of what detour ledger key --new has made
	Next  *NextKey        `yaml:"next"`  // nil: no other key follows
	Every events.Duration `yaml:"every"` // between two checkpoints; 5m if not given

	File string            `yaml:"file"` // that they are appended to, relative to the configuration
	HTTP *CheckpointStore  `yaml:"http"`
	NATS *CheckpointStream `yaml:"nats"`
}

// NextKey is the key that signs later.
type NextKey struct {
	Key  string `yaml:"key"`  // as Checkpoints.Key
	From uint64 `yaml:"from"` // the position of the ledger from which on it signs
}

// CheckpointStore is a store of objects that are put by HTTP.
type CheckpointStore struct {
	URL    string        `yaml:"url"`    // of the folder, with the bucket
	Bearer string        `yaml:"bearer"` // file:PATH or env:NAME of a token
	S3     *CheckpointS3 `yaml:"s3"`     // nil: requests are not signed
}

// CheckpointS3 is how a store that does as Amazon's S3 knows who puts.
type CheckpointS3 struct {
	Region    string `yaml:"region"`
	AccessKey string `yaml:"access_key"`
	SecretKey string `yaml:"secret_key"` // file:PATH or env:NAME
}

// CheckpointStream is where NATS servers, or an account, are that are not the ledger's. A stream there must take
// detour.v1.checkpoints.>.
type CheckpointStream struct {
	URLs        []string  `yaml:"urls"`
	Credentials string    `yaml:"credentials"`
	NKey        string    `yaml:"nkey"`
	User        string    `yaml:"user"`
	Password    string    `yaml:"password"`
	TLS         ClientTLS `yaml:"tls"`
}

// Signing is what the section names, read. It is printed nowhere.
type Signing struct {
	Signer    *checkpoint.Signer
	Trusted   *checkpoint.Keys // that verify what Signer signs
	Bearer    string
	SecretKey string
	NATS      NATS
}

// checkpoints checks the section and reads its secrets.
func (s section) checkpoints(c *Checkpoints, domain string) (read Signing) {
	if c == nil {
		return read
	}
	if c.Every == 0 {
		c.Every = events.Duration(5 * time.Minute)
	}
	if d := c.Every.Std(); d < time.Second || d > 24*time.Hour {
		s.bad("checkpoints.every", "%s: want 1s to 24h", d)
	}
	if c.File == "" && c.HTTP == nil && c.NATS == nil {
		s.bad("checkpoints", "file, http and nats are missing: name at least one place outside of the cluster, or leave checkpoints out")
	}
	if c.File != "" {
		c.File = s.abs(c.File)
	}
	s.signers(c, domain, &read)
	if h := c.HTTP; h != nil {
		s.base("checkpoints.http.url", h.URL, "what is stored could be changed on its way")
		if h.Bearer != "" {
			read.Bearer = s.secret("checkpoints.http.bearer", h.Bearer, 1)
		}
		if h.S3 != nil {
			if h.S3.Region == "" || h.S3.AccessKey == "" || h.Bearer != "" {
				s.bad("checkpoints.http.s3", "want region, access_key and secret_key, and no bearer")
			}
			read.SecretKey = s.secret("checkpoints.http.s3.secret_key", h.S3.SecretKey, 1)
		}
	}
	if n := c.NATS; n != nil {
		read.NATS = NATS{URLs: n.URLs, Credentials: n.Credentials, NKey: n.NKey, User: n.User, Password: n.Password, TLS: n.TLS}
		if len(n.URLs) == 0 {
			s.bad("checkpoints.nats", "urls is missing: servers, or an account, that are not the ledger's")
		}
		s.servers("checkpoints.nats", &read.NATS)
	}
	return read
}

// signers reads the keys.
func (s section) signers(c *Checkpoints, domain string, read *Signing) {
	key, next, from := s.secret("checkpoints.key", c.Key, 1), "", uint64(0)
	if c.Next != nil {
		next, from = s.secret("checkpoints.next.key", c.Next.Key, 1), c.Next.From
		if from == 0 {
			s.bad("checkpoints.next.from", "want the position of the ledger from which on the key signs: one that it reaches in some days")
		}
		if next == "" {
			return
		}
	}
	if key == "" {
		return
	}
	var err error
	if read.Signer, err = checkpoint.NewSigner(domain, key, next, from); err != nil {
		s.bad("checkpoints.key", "%v", err)
		return
	}
	var vkeys []string
	for _, key := range []string{key, next} {
		if key == "" {
			continue
		}
		vkey, err2 := checkpoint.VerifierKey(key)
		err = errors.Join(err, err2)
		vkeys = append(vkeys, vkey)
	}
	if err == nil {
		read.Trusted, err = checkpoint.NewKeys(vkeys...)
	}
	if err != nil {
		s.bad("checkpoints.key", "%v", err)
	}
}

// describeCheckpoints lists what is in force of the checkpoints.
func (c *Config) describeCheckpoints(add func(name string, value any)) {
	k := c.Checkpoints
	if k == nil {
		add("checkpoints", "none: what is changed in every copy of the ledger is not found")
		return
	}
	add("checkpoints.every", k.Every)
	if k.Next != nil {
		add("checkpoints.next.from", k.Next.From)
	}
	if k.File != "" {
		add("checkpoints.file", k.File)
	}
	if k.HTTP != nil {
		add("checkpoints.http.url", k.HTTP.URL)
	}
	if k.NATS != nil {
		add("checkpoints.nats.urls", strings.Join(k.NATS.URLs, ", "))
	}
}
