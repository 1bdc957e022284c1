package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"time"
)

// openAdmin listens for whoever looks into the process from this machine, if the configuration says where. The configuration has
// refused addresses that others reach.
func (a *App) openAdmin() (err error) {
	if a.cfg.Listen.Admin == "" {
		return nil
	}
	if a.admin, err = net.Listen("tcp", a.cfg.Listen.Admin); err != nil {
		return fmt.Errorf("listen.admin: %w", err)
	}
	a.onClose("admin listener", func(context.Context) error {
		if err := a.admin.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
	return nil
}

// serveAdmin serves profiles until ctx ends.
func (a *App) serveAdmin(ctx context.Context) error {
	server := &http.Server{Handler: profiles(), ReadHeaderTimeout: 5 * time.Second, BaseContext: func(net.Listener) context.Context { return ctx }}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() }) // its only errors are those of closing what ends anyway
	defer stop()
	if err := server.Serve(a.admin); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// profiles are net/http/pprof's pages, and nothing else that may have put itself on the process's list of handlers. A page in a
// browser on this machine that goes by another name is refused.
func profiles() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !loopback(r.Host) {
			http.Error(w, "ask for it by the address of this machine", http.StatusForbidden)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func loopback(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}
