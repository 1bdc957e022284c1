package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/backbone/authority"
	"github.com/detour-net/detour/internal/bus"
	"github.com/detour-net/detour/internal/bus/bustest"
	"github.com/detour-net/detour/internal/certs"
	"github.com/detour-net/detour/internal/config/bounded"
	"github.com/detour-net/detour/internal/intake"
	"github.com/detour-net/detour/internal/ledger"
)

func TestMain(m *testing.M) {
	if !bustest.Serve() {
		m.Run()
	}
}

// deployments is what operators are given.
const deployments = "../../deployments"

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// raised is the bus with streams on it, one message in each.
func raised(t *testing.T) *trunk {
	t.Helper()
	b, err := raiseTrunk(t.TempDir(), deployments)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.close)
	made := b.as(t, setup)
	_, err = ledger.Open(within(t), made.JetStream(), ledger.Config{Domain: "d", Replicas: 3, SyncAlways: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := intake.Open(within(t), made.JetStream(), intake.Config{Domain: "d", Limits: intake.Limits{Replicas: 3}}); err != nil {
		t.Fatal(err)
	}
	served := b.as(t, service).JetStream()
	for _, subject := range []string{"detour.v1.ledger.d.x", "detour.v1.rejected.d.x.y"} {
		publish(t, served, subject, nil, nil)
	}
	publish(t, b.as(t, publisher).JetStream(), "detour.v1.anomalies.d.x.y", nil, []byte("x"))
	return b
}

func (b *trunk) as(t *testing.T, who string) *bus.Conn {
	t.Helper()
	conn, err := b.connect(within(t), who)
	if err != nil {
		t.Fatalf("%s: %v", who, err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) }) // the servers may be gone
	return conn
}

func publish(t *testing.T, js jetstream.JetStream, subject string, header nats.Header, body []byte) {
	t.Helper()
	if _, err := js.PublishMsg(within(t), &nats.Msg{Subject: subject, Header: header, Data: body}); err != nil {
		t.Fatalf("publish to %s: %v", subject, err)
	}
}

// state is what nobody in service may change: what streams there are, how they are set, and what they hold.
type state struct {
	Config jetstream.StreamConfig
	Msgs   uint64
	First  uint64
	Last   uint64
}

func (b *trunk) state(t *testing.T, js jetstream.JetStream) map[string]state {
	t.Helper()
	all := map[string]state{}
	list := js.ListStreams(within(t))
	for info := range list.Info() {
		all[info.Config.Name] = state{info.Config, info.State.Msgs, info.State.FirstSeq, info.State.LastSeq}
	}
	if err := list.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// deeds are what one would do with a stolen key, as subject and body of a request.
func deeds() map[string][2]string {
	all := map[string][2]string{
		"write the ledger": {"detour.v1.ledger.d.x", "{}"}, "write what was rejected": {"detour.v1.rejected.d.x", "{}"},
		"publish an anomaly": {"detour.v1.anomalies.d.x.y", "{}"}, "beat as a replica": {"detour.v1.replicas.d", `{"me":"mallory"}`},
		"answer somebody else": {"_INBOX.somebody.else", "{}"}, "answer for a server": {"_R_.somebody", "{}"},
		"acknowledge":  {"$JS.ACK.DETOUR_ANOMALIES.detour-intake-d.1.1.1.1.0", "+ACK"},
		"make a store": {"STREAM.CREATE.KV_mine", `{"name":"KV_mine","subjects":["$KV.mine.>"]}`}, "write to a store": {"$KV.mine.x", "x"},
		"ask about the account": {"INFO", ""}, "step a leader down": {"META.LEADER.STEPDOWN", ""}, "list streams": {"STREAM.LIST", ""},
		"speak to the system": {"$SYS.REQ.SERVER.PING", ""}, "read what was rejected": {"STREAM.MSG.GET.DETOUR_REJECTED", `{"seq":1}`},
		"read anomalies past the consumer": {"STREAM.MSG.GET.DETOUR_ANOMALIES", `{"seq":1}`}, "delete the consumer": {"CONSUMER.DELETE.DETOUR_ANOMALIES.detour-intake-d", ""},
		"another consumer of anomalies": {"CONSUMER.CREATE.DETOUR_ANOMALIES.mine", `{"stream_name":"DETOUR_ANOMALIES","config":{"name":"mine","ack_policy":"none"}}`},
		"the consumer anew":             {"CONSUMER.DURABLE.CREATE.DETOUR_ANOMALIES.detour-intake-d", `{"stream_name":"DETOUR_ANOMALIES","config":{"durable_name":"detour-intake-d","ack_policy":"none"}}`},
		"take an anomaly":               {"CONSUMER.MSG.NEXT.DETOUR_ANOMALIES.detour-intake-d", `{"no_wait":true}`},
		"read the ledger":               {"STREAM.MSG.GET.DETOUR_LEDGER", `{"seq":1}`}, "ask about the ledger": {"STREAM.INFO.DETOUR_LEDGER", ""},
		"follow the ledger": {"CONSUMER.CREATE.DETOUR_LEDGER.mine", `{"stream_name":"DETOUR_LEDGER","config":{"name":"mine","ack_policy":"none"}}`},
	}
	for _, stream := range []string{events.StreamLedger, events.StreamAnomalies, events.StreamRejected} {
		subject := map[string]string{events.StreamLedger: "ledger", events.StreamAnomalies: "anomalies", events.StreamRejected: "rejected"}[stream]
		all["delete "+stream] = [2]string{"STREAM.DELETE." + stream, ""}
		all["purge "+stream] = [2]string{"STREAM.PURGE." + stream, ""}
		all["delete a message of "+stream] = [2]string{"STREAM.MSG.DELETE." + stream, `{"seq":1}`}
		all["shrink "+stream] = [2]string{"STREAM.UPDATE." + stream, `{"name":"` + stream + `","subjects":["detour.v1.` + subject + `.>"],"max_msgs":1,"num_replicas":3,"storage":"file","discard":"old"}`}
		all["snapshot "+stream] = [2]string{"STREAM.SNAPSHOT." + stream, `{"deliver_subject":"_INBOX.mine"}`}
		all["restore "+stream] = [2]string{"STREAM.RESTORE." + stream, `{"config":{"name":"` + stream + `"}}`}
		all["take "+stream+"'s leader down"] = [2]string{"STREAM.LEADER.STEPDOWN." + stream, ""}
		all["remove a server of "+stream] = [2]string{"STREAM.PEER.REMOVE." + stream, `{"peer":"s0"}`}
	}
	return all
}

// TestStolenKeys has everybody do everything, under both names that JetStream's API has, and lets each do only what is theirs.
func TestStolenKeys(t *testing.T) {
	b := raised(t)
	administrator := b.as(t, admin).JetStream()
	may := map[string][]string{
		publisher: {"publish an anomaly"},
		auditor:   {"read the ledger", "ask about the ledger"},
		setup:     {"ask about the ledger"},
		service: {
			"write the ledger", "write what was rejected", "read the ledger", "ask about the ledger", "follow the ledger", "take an anomaly",
			"acknowledge", "beat as a replica", // which nobody answers
		},
	}
	silent := []string{"acknowledge", "beat as a replica"}
	for _, who := range []string{publisher, auditor, setup, service} {
		before := b.state(t, administrator)
		conn := b.raw(t, who)
		for what, deed := range deeds() {
			mine := slices.Contains(may[who], what)
			for _, prefix := range []string{apiPrefix, "$JS.API"} {
				subject := deed[0]
				if !strings.HasPrefix(subject, "detour.") && !strings.HasPrefix(subject, "_") && !strings.HasPrefix(subject, "$") {
					subject = prefix + "." + subject
				}
				allowed := mine && !strings.HasPrefix(subject, "$JS.API")
				if mine && slices.Contains(silent, what) {
					continue
				}
				err := attempt(conn, subject, deed[1])
				if allowed != (err == nil) {
					t.Errorf("%s: %s on %s: %v, want it to be allowed: %t", who, what, subject, err, allowed)
				}
			}
		}
		after := b.state(t, administrator)
		for name, s := range after { // what was written lawfully is more, and nothing else is different
			was := before[name]
			if s.Last >= was.Last && s.Msgs-was.Msgs == s.Last-was.Last {
				was.Msgs, was.Last = s.Msgs, s.Last
				before[name] = was
			}
		}
		if diff := cmp.Diff(before, after); diff != "" {
			t.Errorf("%s changed the streams (-before +after):\n%s", who, diff)
		}
	}
}

// raw is a connection that goes past everything of ours.
func (b *trunk) raw(t *testing.T, who string) *nats.Conn {
	t.Helper()
	return b.as(t, who).JetStream().Conn()
}

var errRefused = errors.New("refused")

// attempt asks for something; an error says that it was not done. A server that refuses says so before it answers a ping.
func attempt(nc *nats.Conn, subject, body string) error {
	inbox := nc.NewRespInbox()
	answers, err := nc.SubscribeSync(inbox)
	if err != nil {
		return err
	}
	defer answers.Unsubscribe() //nolint:errcheck // the connection ends with the test
	if err := nc.PublishRequest(subject, inbox, []byte(body)); err != nil {
		return err
	}
	if err := nc.FlushTimeout(patience); err != nil {
		return err
	}
	if last := nc.LastError(); last != nil && strings.Contains(last.Error(), `"`+subject+`"`) {
		return errors.Join(errRefused, last)
	}
	answer, err := answers.NextMsg(patience)
	if err != nil {
		return err
	}
	if status := answer.Header.Get("Status"); status == "503" {
		return errRefused
	}
	var said struct {
		Error *jetstream.APIError `json:"error"`
	}
	if json.Unmarshal(answer.Data, &said) == nil && said.Error != nil {
		return errors.Join(errRefused, said.Error)
	}
	return nil
}

// TestConfusedServers has the service name streams' deeds as the reply to what it may ask for: servers answer to any subject
// of the account in which they are asked, with a text that the service has written, and with headers of its choice.
func TestConfusedServers(t *testing.T) {
	b := raised(t)
	administrator := b.as(t, admin).JetStream()
	conn := b.as(t, service)
	nc, js := conn.JetStream().Conn(), conn.JetStream()
	reader, err := js.CreateConsumer(within(t), events.StreamLedger, jetstream.ConsumerConfig{Name: "mine", AckPolicy: jetstream.AckNonePolicy, InactiveThreshold: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := reader.Next(jetstream.FetchMaxWait(patience)); err != nil { // what raised wrote
		t.Fatal(err)
	}
	before := b.state(t, administrator)
	forged := nats.Header{"Nats-Request-Info": {`{"acc":"STREAMS"}`}}
	for what, deed := range deeds() {
		if strings.HasPrefix(deed[0], "detour.") || strings.HasPrefix(deed[0], "_") || strings.HasPrefix(deed[0], "$JS.ACK") {
			continue
		}
		for _, header := range []nats.Header{nil, forged} {
			for _, prefix := range []string{"$JS.API.", apiPrefix + "."} {
				publish(t, js, "detour.v1.ledger.d.x", header, []byte(deed[1]))
				reply := prefix + deed[0]
				if strings.HasPrefix(deed[0], "$") {
					reply = deed[0]
				}
				if err := nc.PublishRequest(apiPrefix+".CONSUMER.MSG.NEXT."+events.StreamLedger+".mine", reply, []byte(`{"batch":1,"expires":60000000000}`)); err != nil {
					t.Fatal(what, err)
				}
				if err := nc.PublishRequest(apiPrefix+".DIRECT.GET."+events.StreamLedger, reply, []byte(`{"seq":1}`)); err != nil {
					t.Fatal(what, err)
				}
				ask := nats.NewMsg(apiPrefix + ".STREAM.INFO." + events.StreamLedger)
				ask.Reply, ask.Header = reply, header
				if err := nc.PublishMsg(ask); err != nil {
					t.Fatal(what, err)
				}
			}
		}
	}
	// What comes last has been done when this has come: one server does all of it in order, and the makers of streams agree.
	publish(t, js, "detour.v1.ledger.d.x", nil, []byte("last"))
	for {
		msg, err := reader.Next(jetstream.FetchMaxWait(5 * time.Second))
		if err != nil {
			break
		}
		if string(msg.Data()) == "last" {
			break
		}
	}
	if _, err := administrator.CreateStream(within(t), jetstream.StreamConfig{Name: "AFTER", Subjects: []string{"after"}, Replicas: 3}); err != nil {
		t.Fatal(err)
	}
	if err := administrator.DeleteStream(within(t), "AFTER"); err != nil {
		t.Fatal(err)
	}
	after := b.state(t, administrator)
	was, is := before[events.StreamLedger], after[events.StreamLedger]
	if is.Msgs <= was.Msgs || is.First != was.First {
		t.Errorf("the ledger was %+v and is %+v", was, is)
	}
	was.Msgs, was.Last = is.Msgs, is.Last
	before[events.StreamLedger] = was
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("the service changed the streams (-before +after):\n%s", diff)
	}
}

// TestFalseServers has clients' keys used on the port where servers speak to each other, who trust each other in everything.
func TestFalseServers(t *testing.T) {
	b, err := raiseTrunk(t.TempDir(), deployments)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.close)
	server := certs.Files{CA: b.path("bus-ca"), Cert: b.path("nats-1-cert"), Key: b.path("nats-1-key")}
	if err := b.joins(t, server); err != nil {
		t.Errorf("a server is not let in: %v", err)
	}
	for _, who := range []string{publisher, service, auditor, setup, admin} {
		files, err := b.identity(who)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.joins(t, files); err == nil {
			t.Errorf("%s is taken for a server", who)
		}
	}
}

// joins says hello to a server as another server does, and wants to be answered.
func (b *trunk) joins(t *testing.T, with certs.Files) error {
	t.Helper()
	source, err := certs.Open(with, new(bounded.Reader), zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	plain, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", b.cluster))
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	if err := plain.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	conn := tls.Client(plain, source.Client("localhost"))
	if _, err := fmt.Fprint(conn, "CONNECT {\"cluster\":\"detour\",\"name\":\"x\"}\r\nPING\r\n"); err != nil {
		return err
	}
	for from := bufio.NewReader(conn); ; {
		line, err := from.ReadString('\n')
		switch {
		case err != nil:
			return err
		case strings.HasPrefix(line, "-ERR"):
			return errors.New(line)
		case strings.HasPrefix(line, "PONG"):
			return nil
		}
	}
}

// TestStrangers has certificates that are none of those: of a server, of nobody, of another authority, and none at all.
func TestStrangers(t *testing.T) {
	b, err := raiseTrunk(t.TempDir(), deployments)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.close)
	auth, err := authority.New("another")
	if err != nil {
		t.Fatal(err)
	}
	other := &trunk{dir: t.TempDir(), auth: auth}
	client := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	for name, like := range map[string]*x509.Certificate{
		"a server's":    {Subject: pkix.Name{CommonName: "nats-0"}, DNSNames: []string{"nats-0"}, ExtKeyUsage: client},
		"nobody's":      {Subject: pkix.Name{CommonName: "mallory"}, EmailAddresses: []string{"mallory@detour"}, ExtKeyUsage: client},
		"the name only": {Subject: pkix.Name{CommonName: service}, ExtKeyUsage: client},
		"out of date":   {Subject: pkix.Name{CommonName: service}, EmailAddresses: []string{service}, ExtKeyUsage: client, NotAfter: time.Now().Add(-time.Minute)},
		"not a client":  {Subject: pkix.Name{CommonName: service}, EmailAddresses: []string{service}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}},
	} {
		files, err := b.write(filepath.Base(strings.ReplaceAll(name, " ", "-")), like)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := nats.Connect(b.servers.URLs()[0], nats.RootCAs(files.CA), nats.ClientCert(files.Cert, files.Key)); err == nil {
			t.Errorf("a certificate that is %s is let in", name)
		}
	}
	files, err := other.identity(service)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := nats.Connect(b.servers.URLs()[0], nats.RootCAs(b.path("bus-ca")), nats.ClientCert(files.Cert, files.Key)); err == nil {
		t.Error("a certificate of another authority is let in")
	}
	if _, err := nats.Connect(b.servers.URLs()[0], nats.RootCAs(b.path("bus-ca"))); err == nil {
		t.Error("somebody without a certificate is let in")
	}
	if _, err := b.connect(within(t), service); err != nil {
		t.Errorf("the service is not let in: %v", err)
	}
}
