package main

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/detour-net/detour/internal/bus/bustest"
)

// sharing has whoever may read a stream share its account, where deployments/nats keeps the two apart.
const sharing = `
host: 127.0.0.1
port: $PORT
jetstream { store_dir: $STORE }
accounts {
  STREAMS {
    jetstream: enabled
    users: [
      { user: admin, password: admin }
      { user: reader, password: reader, permissions { publish: ["$JS.API.DIRECT.GET.>"], subscribe: ["_INBOX.>"] } }
    ]
  }
}
`

// TestSharedAccount shows what deployments/nats has accounts for: with permissions alone, whoever may read a stream's messages
// directly deletes it, by naming that as where the answer goes.
func TestSharedAccount(t *testing.T) {
	places, err := bustest.Places(t.TempDir(), 1)
	if err != nil {
		t.Fatal(err)
	}
	p := &places[0]
	p.Config, p.Env = filepath.Join(t.TempDir(), "sharing.conf"), map[string]string{"STORE": p.Dir, "PORT": strconv.Itoa(p.Port)}
	if err := os.WriteFile(p.Config, []byte(sharing), 0o600); err != nil {
		t.Fatal(err)
	}
	servers, err := bustest.StartAt(places)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(servers.KillAll)
	as := func(who string) *nats.Conn {
		nc, err := nats.Connect(p.URL(), nats.UserInfo(who, who), nats.RetryOnFailedConnect(true))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(nc.Close)
		return nc
	}
	js, err := jetstream.New(as("admin"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(within(t), jetstream.StreamConfig{Name: "S", Subjects: []string{"a.>"}, AllowDirect: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(within(t), "a.b", nil); err != nil {
		t.Fatal(err)
	}
	reader := as("reader")
	if err := reader.PublishRequest("$JS.API.STREAM.DELETE.S", "_INBOX.x", nil); err != nil { // which it may not: nothing comes of it
		t.Fatal(err)
	}
	if err := reader.FlushWithContext(within(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := js.Stream(within(t), "S"); err != nil {
		t.Fatalf("asked for openly: %v", err)
	}
	if err := reader.PublishRequest("$JS.API.DIRECT.GET.S", "$JS.API.STREAM.DELETE.S", []byte(`{"seq":1}`)); err != nil {
		t.Fatal(err)
	}
	for ctx := within(t); ; {
		_, err := js.Stream(ctx, "S")
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
