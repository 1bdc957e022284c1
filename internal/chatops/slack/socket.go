package slack

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/slack-go/slack"
	"github.com/slack-go/slack/slackevents"
	"github.com/slack-go/slack/socketmode"
	"go.uber.org/zap"

	"github.com/detour-net/detour/internal/chatops"
)

// Bounds of the ways in.
const (
	ackWithin = 2 * time.Second // Slack gives three
	patience  = 15 * time.Second
	askEvery  = 15 * time.Second // whether Slack answers, when there is no socket that would show it
)

// Run keeps the way in open until ctx ends: with an app token the socket, whose presses it hands to press. Without one it
// only sees to it that State says whether Slack answers; presses then come through Callback.
func (s *Client) Run(ctx context.Context, press func(context.Context, chatops.Press)) error {
	defer s.setState(false, "ending")
	defer s.answering.Wait()
	defer s.intake.end()
	if s.appToken {
		s.keepSocket(ctx, press)
	} else {
		s.keepAsking(ctx)
	}
	return nil
}

// keepAsking asks Slack again and again who the bot is.
func (s *Client) keepAsking(ctx context.Context) {
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for {
		if _, err := s.api.AuthTestContext(ctx); err != nil {
			s.setState(false, chatops.Clean(err.Error()))
		} else {
			s.setState(true, "")
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// keepSocket connects the socket whenever it is not.
func (s *Client) keepSocket(ctx context.Context, press func(context.Context, chatops.Press)) {
	pause := backoff.NewExponentialBackOff()
	pause.MaxInterval = patience
	for ctx.Err() == nil {
		connected, err := s.serve(ctx, press)
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
}

// serve is one run of the library's client, which connects again by itself most of the time.
func (s *Client) serve(ctx context.Context, press func(context.Context, chatops.Press)) (connected bool, err error) {
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
			case socketmode.EventTypeInteractive, socketmode.EventTypeSlashCommand, socketmode.EventTypeEventsAPI:
				s.hear(ctx, socket, e, press)
			case socketmode.EventTypeErrorBadMessage:
				if bad, ok := e.Data.(*socketmode.ErrorBadMessage); ok {
					s.callbacks.WithLabelValues("refused").Inc()
					s.log.Warn("something that cannot be read came over the chat's socket, and is not acknowledged", zap.Error(bad.Cause))
				}
			default:
				if e.Request != nil && e.Request.EnvelopeID != "" {
					s.acknowledge(ctx, socket, e.Request)
				}
			}
		}
	}
}

// hear takes what came over the socket, and acknowledges it once it has been judged, or when Slack would lose its patience.
func (s *Client) hear(ctx context.Context, socket *socketmode.Client, e socketmode.Event, press func(context.Context, chatops.Press)) {
	var list []heard
	switch said := e.Data.(type) {
	case slack.InteractionCallback:
		list = pressed(said)
	case slack.SlashCommand:
		list = commanded(said, time.Now())
	case slackevents.EventsAPIEvent:
		list = mentioned(said)
	}
	if e.Request == nil {
		s.log.Warn("something that cannot be read came over the chat's socket", zap.String("type", string(e.Type)))
		return
	}
	came := time.Now()
	judged := s.intake.take(ctx, list, press)
	if judged == nil {
		return
	}
	s.answering.Go(func() {
		timer := time.NewTimer(ackWithin)
		defer timer.Stop()
		select {
		case <-judged:
		case <-timer.C:
		}
		if s.acknowledge(ctx, socket, e.Request) {
			s.acked.Observe(time.Since(came).Seconds())
		}
	})
}

func (s *Client) acknowledge(ctx context.Context, socket *socketmode.Client, r *socketmode.Request) (told bool) {
	err := socket.AckCtx(ctx, r.EnvelopeID, nil)
	if err != nil && !errors.Is(err, context.Canceled) {
		s.log.Warn("acknowledge what came over the chat's socket", zap.Error(err))
	}
	return err == nil
}
