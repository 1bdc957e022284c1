package ship

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/detour-net/detour/internal/bus"
	"github.com/detour-net/detour/internal/bus/bustest"
	"github.com/detour-net/detour/internal/ledger/checkpoint"
)

func TestMain(m *testing.M) {
	if !bustest.Serve() {
		m.Run()
	}
}

// TestSign is the example "PUT Object" of the API reference of Amazon S3.
func TestSign(t *testing.T) {
	r := httptest.NewRequest(http.MethodPut, "https://examplebucket.s3.amazonaws.com/test%24file.text", nil)
	r.Header.Set("Date", "Fri, 24 May 2013 00:00:00 GMT")
	r.Header.Set("X-Amz-Storage-Class", "REDUCED_REDUNDANCY")
	S3{Region: "us-east-1", AccessKey: "AKIAIOSFODNN7EXAMPLE", SecretKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}.
		sign(r, []byte("Welcome to Amazon S3."), time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC))
	const want = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request," +
		"SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class," +
		"Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"
	if got := r.Header.Get("Authorization"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func aNote() Note {
	return Note{Checkpoint: checkpoint.Checkpoint{Domain: "test", Size: 42}, Text: []byte("text\n\nsignature\n")}
}

// TestObject puts a note to a store that takes what is authorised.
func TestObject(t *testing.T) {
	stored := map[string]string{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPut || r.Header.Get("Authorization") != "Bearer good" && !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=me/20261120/here/s3/") {
			http.Error(w, "who are you?", http.StatusForbidden)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		stored[r.URL.Path] = string(body)
	}))
	defer srv.Close()
	now := func() time.Time { return time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC) }
	o := Object{URL: srv.URL + "/bucket/notes", Client: srv.Client(), Now: now}
	for _, c := range []struct {
		name   string
		bearer string
		s3     *S3
		want   string
	}{
		{"nobody", "", nil, `answered with 403: "who are you?`},
		{"a token", "good", nil, ""},
		{"another token", "secret", nil, "the store does not let this key write"},
		{"signed", "", &S3{Region: "here", AccessKey: "me", SecretKey: "secret"}, ""},
	} {
		clear(stored)
		o.Bearer, o.S3 = c.bearer, c.s3
		err := o.Put(t.Context(), aNote())
		if (err == nil) != (c.want == "") || err != nil && (!strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret")) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
		if text := stored["/bucket/notes/00000000000000000042-0000000000000000.note"]; (text == string(aNote().Text)) != (c.want == "") {
			t.Errorf("%s: stored %v", c.name, stored)
		}
	}
	srv.Close()
	if err := o.Put(t.Context(), aNote()); err == nil || strings.Contains(err.Error(), "bucket") {
		t.Errorf("a store that is away: %v", err)
	}
	o.URL = "http://x y"
	if err := o.Put(t.Context(), aNote()); err == nil {
		t.Error("no address")
	}
}

// TestStream publishes notes to another server: first where no stream takes them, then where one does, twice each.
func TestStream(t *testing.T) {
	srv, err := bus.Embedded(t.TempDir(), bus.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Shutdown(context.Background())
	conn, err := bus.Connect(bus.Config{Server: srv})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if err := conn.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	target := Stream{conn.JetStream()}
	if err := target.Put(t.Context(), aNote()); err == nil || !strings.Contains(err.Error(), "no stream takes detour.v1.checkpoints.test") {
		t.Errorf("nobody stores it: %v", err)
	}
	stream, err := conn.JetStream().CreateStream(t.Context(), jetstream.StreamConfig{Name: "NOTES", Subjects: []string{"detour.v1.checkpoints.>"}, DenyDelete: true, DenyPurge: true})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := target.Put(t.Context(), aNote()); err != nil {
			t.Fatal(err)
		}
	}
	msg, err := stream.GetLastMsgForSubject(t.Context(), Subject("test"))
	if err != nil || msg.Sequence != 1 || string(msg.Data) != string(aNote().Text) {
		t.Errorf("%v: %+v", err, msg)
	}
}

// TestStreamNotAllowed publishes as a user who may not: servers answer nothing to that, so what is said is what it may be, in the time that
// there is; nothing is stored, and another user's notes are.
func TestStreamNotAllowed(t *testing.T) {
	dir := t.TempDir()
	places, err := bustest.Places(dir, 1)
	if err != nil {
		t.Fatal(err)
	}
	places[0].Config = filepath.Join(dir, "nats.conf")
	if err := os.WriteFile(places[0].Config, fmt.Appendf(nil, `listen: "127.0.0.1:%d"
jetstream { store_dir: %q }
authorization { users: [
  { user: shipper, password: a, permissions: { publish: ["detour.v1.checkpoints.>"], subscribe: ["_INBOX.>"] } }
  { user: stranger, password: b, permissions: { publish: ["something.else"], subscribe: ["_INBOX.>"] } }
  { user: owner, password: c }
] }
`, places[0].Port, dir), 0o600); err != nil {
		t.Fatal(err)
	}
	servers, err := bustest.StartAt(places)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(servers.KillAll)
	as := func(user, password string) Stream {
		conn, err := bus.Connect(bus.Config{URLs: servers.URLs(), User: user, Password: password, Log: zap.NewNop()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close(context.Background()) })
		if err := conn.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		return Stream{conn.JetStream()}
	}
	stream, err := as("owner", "c").JS.CreateStream(t.Context(), jetstream.StreamConfig{Name: "NOTES", Subjects: []string{"detour.v1.checkpoints.>"}})
	if err != nil {
		t.Fatal(err)
	}
	last := func() uint64 {
		info, err := stream.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return info.State.LastSeq
	}
	short, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := as("stranger", "b").Put(short, aNote()); err == nil || !strings.Contains(err.Error(), "let this user publish") || last() != 0 {
		t.Errorf("a stranger: %v, %d notes are stored", err, last())
	}
	if err := as("shipper", "a").Put(t.Context(), aNote()); err != nil || last() != 1 {
		t.Errorf("who may: %v, %d notes are stored", err, last())
	}
}
