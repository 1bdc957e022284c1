package bench

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/openconfig/gnmi/proto/gnmi"
	"github.com/openconfig/ygot/ygot"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"

	"github.com/detour-net/detour/events"
	"github.com/detour-net/detour/internal/backbone"
	"github.com/detour-net/detour/internal/incident"
	"github.com/detour-net/detour/internal/intake"
	"github.com/detour-net/detour/internal/network"
)

// floorStream takes the floor's appends. It has the ledger's settings.
const (
	floorStream  = "FLOOR"
	floorSubject = "floor.ledger"
)

// restStream takes what is stored before each sample. It has the ledger's settings, too.
const (
	restStream  = "REST"
	restSubject = "rest.ledger"
)

// chain is the floor of anomaly to Set: an anomaly is published, pulled, one message is appended at the position it is
// expected at, and one Set goes out. It uses connections of its own, of the same kind as the service's.
type chain struct {
	s        *service
	link     network.Link // anomalies are about its end A; the Set goes to that router
	bus      jetstream.JetStream
	messages jetstream.MessagesContext
	channel  *grpc.ClientConn
	payload  []byte // of one append: a commit of the service's
	position uint64
	done     chan error // of one passage
}

// newChain sets the floor up and lets it wait for anomalies of its own domain, until the service is closed.
func newChain(ctx context.Context, s *service, link network.Link) (*chain, error) {
	conn, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	c := &chain{s: s, link: link, bus: conn.JetStream(), done: make(chan error, 1)}
	own, err := like(ctx, c.bus, floorDomain, floorDomain)
	if err != nil {
		return nil, err
	}
	if c.messages, err = fetch(own); err != nil {
		return nil, err
	}
	s.onClose(func() error { c.messages.Stop(); return nil })
	ledger, err := c.bus.Stream(ctx, events.StreamLedger)
	if err != nil {
		return nil, err
	}
	settings := ledger.CachedInfo().Config
	for name, subject := range map[string]string{floorStream: floorSubject, restStream: restSubject} {
		settings.Name, settings.Subjects = name, []string{subject}
		if _, err := c.bus.CreateStream(ctx, settings); err != nil {
			return nil, err
		}
	}
	secure, err := s.net.ClientTLS(link.A.Device)
	if err != nil {
		return nil, err
	}
	c.channel, err = grpc.NewClient("passthrough:///"+s.net.Router(link.A.Device).Address(), grpc.WithTransportCredentials(credentials.NewTLS(secure)))
	if err != nil {
		return nil, err
	}
	s.onClose(c.channel.Close)
	go c.run()
	return c, nil
}

// consumer is the durable consumer of a domain's anomalies.
func consumer(domain string) string { return "detour-intake-" + domain }

// like makes a durable consumer called name of the anomalies of a domain, with the settings of the service's.
func like(ctx context.Context, js jetstream.JetStream, name, of string) (jetstream.Consumer, error) {
	own, err := js.Consumer(ctx, events.StreamAnomalies, consumer(domain))
	if err != nil {
		return nil, err
	}
	settings := own.CachedInfo().Config
	settings.Name, settings.Durable, settings.FilterSubject = consumer(name), consumer(name), events.PrefixAnomalies+of+".>"
	return js.CreateOrUpdateConsumer(ctx, events.StreamAnomalies, settings)
}

// fetch reads ahead as the service's intake does.
func fetch(c jetstream.Consumer) (jetstream.MessagesContext, error) {
	return c.Messages(jetstream.PullMaxMessages(intake.DefaultBatch))
}

// run lets one message after another pass, until the messages end.
func (c *chain) run() {
	ctx := metadata.AppendToOutgoingContext(context.Background(), "username", "detour", "password", "bench")
	router := gnmi.NewGNMIClient(c.channel)
	for n := 0; ; n++ {
		msg, err := c.messages.Next()
		if err != nil {
			return
		}
		c.done <- c.pass(ctx, router, msg, n)
	}
}

// pass is everything between a message and its acknowledgement.
func (c *chain) pass(ctx context.Context, router gnmi.GNMIClient, msg jetstream.Msg, n int) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ack, err := c.bus.PublishMsg(ctx, &nats.Msg{Subject: floorSubject, Data: c.payload}, jetstream.WithExpectLastSequence(c.position))
	if err != nil {
		return err
	}
	c.position = ack.Sequence
	request, err := c.request(n)
	if err != nil {
		return err
	}
	if _, err := router.Set(ctx, request); err != nil {
		return err
	}
	return msg.Ack()
}

// request moves the metrics of the router's loopback, which no path depends on, up by one, and back the next time.
func (c *chain) request(n int) (*gnmi.SetRequest, error) {
	value := strconv.Itoa(10 + n%2)
	request := &gnmi.SetRequest{}
	for _, family := range []string{"IPV4", "IPV6"} {
		path, err := ygot.StringToStructuredPath(c.s.net.Router(c.link.A.Device).Path(
			fmt.Sprintf("interfaces/interface[interface-id=%s]/levels/level[level-number=2]/afi-safi/af[afi-name=%s][safi-name=UNICAST]/config/metric", backbone.Loopback, family),
		))
		if err != nil {
			return nil, err
		}
		path.Origin = "openconfig"
		request.Update = append(request.Update, &gnmi.Update{Path: path, Val: &gnmi.TypedValue{Value: &gnmi.TypedValue_JsonIetfVal{JsonIetfVal: []byte(value)}}})
	}
	return request, nil
}

// before comes before every sample, the service's and the floor's: one message is stored that is no part of either's way, and
// a rest. So each finds the disk as the other does, and neither has just gone the way that is measured.
func (c *chain) before(ctx context.Context) error {
	if _, err := c.bus.Publish(ctx, restSubject, c.payload); err != nil {
		return fmt.Errorf("store a message before a sample: %w", err)
	}
	t := time.NewTimer(latencyRest)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// sample lets one anomaly pass, and returns how long it took until the Set was there. What it appends is as large as what
// the service appended for the same, once that has.
func (c *chain) sample(ctx context.Context, id string) (time.Duration, error) {
	if c.payload == nil {
		if err := c.borrow(ctx); err != nil {
			return 0, err
		}
	}
	before := len(c.s.net.Sets())
	began := time.Now()
	err := intake.Publish(ctx, c.s.streams(), floorDomain, []events.Event{anomaly(id, c.link.A, began)})
	if err != nil {
		return 0, err
	}
	select {
	case err := <-c.done:
		if err != nil {
			return 0, err
		}
	case <-time.After(patience):
		return 0, fmt.Errorf("nothing came of it within %s", patience)
	}
	return c.s.net.Sets()[before].At.Sub(began), nil
}

// borrow takes the commit that opened the service's newest incident.
func (c *chain) borrow(ctx context.Context) error {
	var position uint64
	c.s.app.Worker().View(func(b *incident.Board) {
		if closed := b.Closed(); len(closed) > 0 {
			position = closed[0].Positions[0]
		}
	})
	if position == 0 {
		return nil
	}
	ledger, err := c.bus.Stream(ctx, events.StreamLedger)
	if err != nil {
		return err
	}
	msg, err := ledger.GetMsg(ctx, position)
	if err != nil {
		return fmt.Errorf("read the commit at position %d: %w", position, err)
	}
	c.payload = msg.Data
	return nil
}
