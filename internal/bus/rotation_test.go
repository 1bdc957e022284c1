package bus_test

import (
	"net"
	"net/url"
	"os"
	"strconv"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/detour-net/detour/internal/bus"
)

// proof is a way in which a server knows a client: the server, and the file of the client.
type proof struct {
	server *server.Options
	file   string
}

// way is one in which servers know their clients.
type way struct {
	name   string
	proof  func(t *testing.T) proof
	client func(path string) bus.Config
	spoilt string // what a file holds that is of no use
}

func ways() []way {
	return []way{
		{"a password", func(t *testing.T) proof {
			secret := t.Name() + strconv.Itoa(freePort(t))
			return proof{&server.Options{Users: []*server.User{{Username: "noc", Password: secret}}}, file(t, []byte(secret+"\n"))}
		}, func(path string) bus.Config {
			return bus.Config{User: "noc", Password: "that of the start", PasswordFile: path}
		}, "\n"},
		{"an nkey", func(t *testing.T) proof {
			user, seed := newUser(t)
			return proof{&server.Options{Nkeys: []*server.NkeyUser{{Nkey: user}}}, seed}
		}, func(path string) bus.Config { return bus.Config{NKey: path} }, "SUACSSL3UAHUDXKFSNVUZRF5UHPM\n"},
		{"credentials", func(t *testing.T) proof {
			accounts, creds := operated(t)
			return proof{accounts, creds}
		}, func(path string) bus.Config { return bus.Config{Credentials: path} }, "-----BEGIN NATS USER JWT-----\n"},
	}
}

// TestIdentityRotation has the servers go over to another identity of the client, and its file with them. Files that are of no use
// leave the one of before in force, and it is said.
func TestIdentityRotation(t *testing.T) {
	for _, c := range ways() {
		t.Run(c.name, func(t *testing.T) {
			before, after := c.proof(t), c.proof(t)
			before.server.Port = freePort(t)
			after.server.Port = before.server.Port
			core, logs := observer.New(zap.WarnLevel)
			with := c.client(before.file)
			with.Log = zap.New(core)
			where := &url.URL{Scheme: "nats", Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(before.server.Port))}
			with.URLs = []string{where.String()}
			conn := connect(t, with)

			letIn := func(what string, by *server.Options, then func()) {
				t.Helper()
				_, end := startServer(t, by)
				if err := conn.Wait(within(t)); err != nil {
					t.Fatalf("it is not let in %s: %v", what, err)
				}
				then()
				end()
				waitFor(t, func() bool { return !conn.Connected() })
			}
			letIn("at first", before.server, func() {
				if err := os.WriteFile(before.file, []byte(c.spoilt), 0o600); err != nil {
					t.Fatal(err)
				}
			})
			letIn("with a file that is of no use", before.server, func() {
				if logs.FilterMessageSnippet("stays in force").Len() == 0 {
					t.Error("nothing is said of a file that is of no use")
				}
				if err := os.Rename(after.file, before.file); err != nil {
					t.Fatal(err)
				}
			})
			letIn("with the new file", after.server, func() {})
		})
	}
}
