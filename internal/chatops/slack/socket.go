package slack

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"
	"go.uber.org/zap"

	"github.com/detour-net/detour/internal/chatops"
)

// Bounds of the socket.
const (
	ackWithin  = 2 * time.Second // Slack gives three
	maxPresses = 32              // judged at once; more are not acknowledged, and Slack shows so to whoever pressed
	patience   = 15 * time.Second
)

// Run keeps the socket connected until ctx ends, and hands every press to press.
func (s *Client) Run(ctx context.Context, press func(context.Context, chatops.Press)) error {
	in := &intake{log: s.log, press: press, room: make(chan struct{}, maxPresses)}
	defer in.judging.Wait()
	pause := backoff.NewExponentialBackOff()
	pause.MaxInterval = patience
	for ctx.Err() == nil {
		connected, err := s.serve(ctx, in)
		if ctx.Err() != nil {
			break
		}
		if connected {
			pause.Reset()
		}
		s.setState(false, chatops.Clean(err.Error()))
		s.log.Warn("the chat's socket has ended; it is connected anew", zap.Error(err))
		wait := time.NewTimer(pause.NextBackOff())
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
		}
	}
	s.setState(false, "ending")
	return nil
}

// serve is one run of the library's client, which connects again by itself most of the time.
func (s *Client) serve(ctx context.Context, in *intake) (connected bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	socket := socketmode.New(s.api)
	ended := make(chan error, 1)
	go func() { ended <- socket.RunContext(ctx) }()
	for {
		select {
		case err := <-ended:
			return connected, fmt.Errorf("socket: %w", err)
		case e := <-socket.Events:
			switch e.Type {
			case socketmode.EventTypeHello:
				connected = true
				s.setState(true, "")
				s.log.Info("the chat's socket is connected")
			case socketmode.EventTypeConnecting:
				s.setState(false, "connecting")
			case socketmode.EventTypeConnectionError:
				failure, ok := e.Data.(*slack.ConnectionErrorEvent)
				if ok {
					s.setState(false, chatops.Clean(failure.Error()))
				}
				if ok && failure.Backoff > patience { // sooner than the library would
					cancel()
					<-ended
					return connected, fmt.Errorf("connect: %w", failure.ErrorObj)
				}
			case socketmode.EventTypeInteractive:
				in.take(ctx, socket, e)
			default:
				if e.Request != nil && e.Request.EnvelopeID != "" {
					in.acknowledge(ctx, socket, e.Request)
				}
			}
		}
	}
}

// intake takes what is pressed.
type intake struct {
	log     *zap.Logger
	press   func(context.Context, chatops.Press)
	room    chan struct{}
	judging sync.WaitGroup
}

// take acknowledges a press once it has been judged, or when Slack would lose its patience.
func (in *intake) take(ctx context.Context, socket *socketmode.Client, e socketmode.Event) {
	callback, ok := e.Data.(slack.InteractionCallback)
	if !ok || e.Request == nil {
		in.log.Warn("an interaction that cannot be read")
		return
	}
	list := pressed(callback)
	select {
	case in.room <- struct{}{}:
	default:
		in.log.Warn("too many presses at once; one is not taken", zap.String("account", callback.User.ID))
		return
	}
	judged := make(chan struct{})
	judge := context.WithoutCancel(ctx) // a press is judged to its end, also when its socket is gone
	in.judging.Go(func() {
		defer func() { <-in.room; close(judged) }()
		for _, p := range list {
			in.press(judge, p)
		}
	})
	in.judging.Go(func() {
		timer := time.NewTimer(ackWithin)
		defer timer.Stop()
		select {
		case <-judged:
		case <-timer.C:
		}
		in.acknowledge(ctx, socket, e.Request)
	})
}

func (in *intake) acknowledge(ctx context.Context, socket *socketmode.Client, r *socketmode.Request) {
	if err := socket.AckCtx(ctx, r.EnvelopeID, nil); err != nil && !errors.Is(err, context.Canceled) {
		in.log.Warn("acknowledge what came over the chat's socket", zap.Error(err))
	}
}

// pressed is what a callback says about buttons. There is one in each, but that is Slack's word.
func pressed(c slack.InteractionCallback) (list []chatops.Press) {
	if c.Type != slack.InteractionTypeBlockActions {
		return nil
	}
	for _, a := range c.ActionCallback.BlockActions {
		p := chatops.Press{
			Account: c.User.ID, Channel: or(c.Container.ChannelID, c.Channel.ID), Message: or(c.Container.MessageTs, c.Message.Timestamp),
			Act: chatops.Act(a.ActionID), Value: a.Value, At: timestamp(a.ActionTs),
		}
		p.ID = strings.Join([]string{p.Account, p.Channel, p.Message, a.ActionID, a.ActionTs}, " ")
		list = append(list, p)
	}
	return list
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// timestamp reads Slack's "seconds.fraction"; what is none is a long time ago.
func timestamp(text string) time.Time {
	whole, fraction, _ := strings.Cut(text, ".")
	seconds, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return time.Time{}
	}
	micros, err := strconv.ParseInt((fraction + "000000")[:6], 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.Unix(seconds, micros*1000)
}
