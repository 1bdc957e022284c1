package backbone

import (
	"context"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"net"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/detour-net/detour/internal/backbone/target"
)

// maxMessage is the largest request a router takes, in octets: gRPC's own default, written down.
const maxMessage = 4 << 20

// service is a router's gNMI service.
type service struct {
	*target.Server
	router *Router
}

func (r *Router) service() *service {
	return &service{router: r, Server: &target.Server{Schema: r.network.schema, Device: r, Absent: r.options.Absent, Done: r.network.done}}
}

// Get implements gNMI's RPC, unless the router is told to refuse it.
func (s *service) Get(ctx context.Context, req *gpb.GetRequest) (*gpb.GetResponse, error) {
	r := s.router
	r.network.lock()
	code, reason := r.manners.getCode, r.manners.getReason
	r.network.unlock()
	if code != codes.OK {
		return nil, status.Error(code, reason)
	}
	return s.Server.Get(ctx, req)
}

// listen opens the router's socket and serves on it.
func (r *Router) listen() error {
	own, err := r.network.auth.Issue(r.name, x509.ExtKeyUsageServerAuth)
	if err != nil {
		return err
	}
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	r.listener = &listener{Listener: socket, open: map[net.Conn]bool{}}
	config := &tls.Config{
		MinVersion: tls.VersionTLS12,
		ClientCAs:  r.network.auth.Pool(),
		ClientAuth: tls.VerifyClientCertIfGiven,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			if r.disguised.Load() {
				return &r.network.stranger, nil
			}
			return &own, nil
		},
		// Without this a client that resumes a session would not see a certificate that was changed.
		SessionTicketsDisabled: true,
	}
	if r.network.config.RequireClientCert {
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	r.server = grpc.NewServer(
		grpc.Creds(credentials.NewTLS(config)), grpc.MaxRecvMsgSize(maxMessage),
		grpc.UnaryInterceptor(r.receiveUnary), grpc.StreamInterceptor(r.receiveStream),
	)
	gpb.RegisterGNMIServer(r.server, r.service())
	r.network.running.Go(func() {
		if err := r.server.Serve(r.listener); err != nil {
			r.network.log.Error("gNMI server ended", zap.String("device", r.name), zap.Error(err))
		}
	})
	return nil
}

// stop ends the server and everything that it still does.
func (r *Router) stop() {
	if r.server != nil {
		r.server.Stop()
	}
}

// PresentWrongCertificate lets the router show a certificate that no client should accept, from the next connection on,
// and cuts those that are open.
func (r *Router) PresentWrongCertificate(wrong bool) {
	r.disguised.Store(wrong)
	r.listener.hangUp()
}

// CutConnections closes every connection to the router. Clients may connect anew.
func (r *Router) CutConnections() { r.listener.hangUp() }

// SetUnreachable takes the router's management away, or gives it back. Its traffic is not touched.
func (r *Router) SetUnreachable(unreachable bool) {
	r.listener.ignore(unreachable)
	if unreachable {
		r.listener.hangUp()
	}
}

func (r *Router) receiveUnary(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	if err := r.receive(ctx); err != nil {
		return nil, err
	}
	return handle(ctx, req)
}

func (r *Router) receiveStream(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
	if err := r.receive(stream.Context()); err != nil {
		return err
	}
	return handle(srv, stream)
}

// receive is what every RPC passes first: credentials, then the router's manners.
func (r *Router) receive(ctx context.Context) error {
	if err := r.authenticate(ctx); err != nil {
		return err
	}
	r.network.lock()
	manners := r.manners
	r.network.unlock()
	if manners.hanging {
		return r.wait(ctx, forever)
	}
	return r.wait(ctx, manners.latency)
}

func (r *Router) authenticate(ctx context.Context) error {
	want := &r.network.config
	if want.Username == "" {
		return nil
	}
	md, _ := metadata.FromIncomingContext(ctx)
	same := func(key, value string) bool {
		got := md.Get(key)
		return len(got) == 1 && subtle.ConstantTimeCompare([]byte(got[0]), []byte(value)) == 1
	}
	if !same("username", want.Username) || !same("password", want.Password) {
		return status.Error(codes.Unauthenticated, "username and password in the RPC's metadata are missing or wrong")
	}
	return nil
}
