package mattermosttest

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// routine answers a request, under the lock.
type routine func(*http.Request) (any, *refusal)

func (s *Server) routes() map[string]routine {
	return map[string]routine{
		"GET /users/{id}":               s.getUser,
		"GET /channels/{id}/members/me": s.getMembership,
		"GET /config/client":            s.getConfig,
		"POST /posts":                   s.createPost,
		"PUT /posts/{id}/patch":         s.patchPost,
		"GET /posts/{id}":               s.getPost,
		"GET /posts/{id}/thread":        s.getThread,
		"GET /channels/{id}/posts":      s.getPosts,
		"POST /channels/direct":         s.createDirect,
		"POST /actions/dialogs/open":    s.openDialog,
	}
}

var (
	errForbidden = &refusal{http.StatusForbidden, "api.context.permissions.app_error"}
	errInvalid   = &refusal{http.StatusBadRequest, "api.context.invalid_body_param.app_error"}
	errNotFound  = &refusal{http.StatusNotFound, "app.post.get.app_error"}
)

func (s *Server) getUser(r *http.Request) (any, *refusal) {
	id := r.PathValue("id")
	if id == "me" {
		id = Bot
	}
	u, ok := s.users[id]
	if !ok {
		return nil, &refusal{http.StatusNotFound, "app.user.missing_account.const"}
	}
	return u, nil
}

func (s *Server) getMembership(r *http.Request) (any, *refusal) {
	if r.PathValue("id") != Channel {
		return nil, errForbidden
	}
	return map[string]any{"channel_id": Channel, "user_id": Bot}, nil
}

func (s *Server) getConfig(r *http.Request) (any, *refusal) {
	if r.URL.Query().Get("format") != "old" {
		return nil, errInvalid
	}
	der, err := x509.MarshalPKIXPublicKey(&s.key.PublicKey)
	if err != nil {
		panic(err)
	}
	return map[string]string{"SiteName": "Mattermost", "AsymmetricSigningPublicKey": base64.StdEncoding.EncodeToString(der)}, nil
}

func (s *Server) find(id string) *Message {
	n := slices.IndexFunc(s.messages, func(m Message) bool { return m.ID == id && m.DeleteAt == 0 })
	if n < 0 {
		return nil
	}
	return &s.messages[n]
}

// id is a new one.
func (s *Server) id(kind string) string {
	s.ids++
	return ID(fmt.Sprintf("%s%dx", kind, s.ids))
}

func (s *Server) createPost(r *http.Request) (any, *refusal) {
	var m Message
	if json.NewDecoder(r.Body).Decode(&m) != nil || !m.fits() {
		return nil, errInvalid
	}
	talks, direct := s.direct[m.ChannelID]
	if m.ChannelID != Channel && !direct {
		return nil, errForbidden
	}
	if root := s.find(m.RootID); m.RootID != "" && (root == nil || root.RootID != "") {
		return nil, &refusal{http.StatusBadRequest, "api.post.create_post.root_id.app_error"}
	}
	m.ID, m.UserID, m.OnlyFor = s.id("post"), Bot, talks
	s.messages = append(s.messages, m)
	return m.stripped(), nil
}

// patchPost changes what a post says. Of one that is not there the server says that it may not be changed.
func (s *Server) patchPost(r *http.Request) (any, *refusal) {
	m := s.find(r.PathValue("id"))
	if m == nil || m.UserID != Bot {
		return nil, errForbidden
	}
	var patch struct {
		Text  *string `json:"message"`
		Props *Props  `json:"props"`
	}
	changed := *m
	if json.NewDecoder(r.Body).Decode(&patch) != nil {
		return nil, errInvalid
	}
	if patch.Text != nil {
		changed.Text = *patch.Text
	}
	if patch.Props != nil {
		changed.Props = *patch.Props
	}
	if !changed.fits() {
		return nil, errInvalid
	}
	changed.Edits++
	*m = changed
	return m.stripped(), nil
}

func (s *Server) getPost(r *http.Request) (any, *refusal) {
	if m := s.find(r.PathValue("id")); m != nil {
		return m.stripped(), nil
	}
	return nil, errNotFound
}

func (s *Server) getThread(r *http.Request) (any, *refusal) {
	id := r.PathValue("id")
	if s.find(id) == nil {
		return nil, errNotFound
	}
	return s.list(r.URL.Query().Get("perPage"), func(m Message) bool { return m.ID == id || m.RootID == id })
}

func (s *Server) getPosts(r *http.Request) (any, *refusal) {
	if r.PathValue("id") != Channel {
		return nil, errForbidden
	}
	return s.list(r.URL.Query().Get("per_page"), func(m Message) bool { return m.ChannelID == Channel })
}

// list is the newest of those that are wanted, newest first.
func (s *Server) list(most string, wanted func(Message) bool) (any, *refusal) {
	n, err := strconv.Atoi(most)
	if err != nil || n < 1 || n > 200 {
		n = 60
	}
	order, posts := []string{}, map[string]Message{}
	for _, m := range slices.Backward(s.messages) {
		if m.DeleteAt == 0 && wanted(m) && len(order) < n {
			order, posts[m.ID] = append(order, m.ID), m.stripped()
		}
	}
	return map[string]any{"order": order, "posts": posts}, nil
}

func (s *Server) createDirect(r *http.Request) (any, *refusal) {
	var who []string
	if json.NewDecoder(r.Body).Decode(&who) != nil || len(who) != 2 || !slices.Contains(who, Bot) {
		return nil, errInvalid
	}
	with := who[0]
	if with == Bot {
		with = who[1]
	}
	if _, ok := s.users[with]; !ok {
		return nil, &refusal{http.StatusBadRequest, "api.channel.create_direct_channel.invalid_user.app_error"}
	}
	id := ID("dm" + strings.TrimRight(with, "0"))
	s.direct[id] = with
	return map[string]string{"id": id}, nil
}
