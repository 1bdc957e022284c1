package ship

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Object is a store of objects that are put by HTTP, each note as one of its own, named by its size and root. Versioning or a
// lock against overwriting is the store's to give.
type Object struct {
	URL    string // of the folder, with the bucket; no slash at its end
	Bearer string // a token for whatever asks for one, "" for none
	S3     *S3    // nil: requests are not signed
	Client *http.Client
	Now    func() time.Time
}

// S3 signs requests as Amazon's S3 and those who do as it does want it (Signature Version 4).
type S3 struct {
	Region, AccessKey, SecretKey string
}

// Put stores the note.
func (o Object) Put(ctx context.Context, n Note) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, o.URL+"/"+n.ID()+".note", bytes.NewReader(n.Text))
	if err != nil {
		return errors.New("put: the address cannot be used")
	}
	r.Header.Set("Content-Type", "text/plain; charset=utf-8")
	if o.Bearer != "" {
		r.Header.Set("Authorization", "Bearer "+o.Bearer)
	}
	if o.S3 != nil {
		o.S3.sign(r, n.Text, o.Now())
	}
	reply, err := o.Client.Do(r)
	var shown *url.Error
	if errors.As(err, &shown) {
		err = shown.Err // without the address, which may hold a secret
	}
	if err != nil {
		return fmt.Errorf("put: %w", err)
	}
	defer reply.Body.Close()
	const most = 300                                        // bytes of what it says
	body, _ := io.ReadAll(io.LimitReader(reply.Body, most)) // the status says it all; the body is for people
	if reply.StatusCode == http.StatusUnauthorized || reply.StatusCode == http.StatusForbidden {
		return fmt.Errorf("put: answered with %d: %q; the store does not let this key write: check checkpoints.http, and what the key may do there", reply.StatusCode, body)
	}
	if reply.StatusCode < 200 || reply.StatusCode > 299 {
		return fmt.Errorf("put: answered with %d: %q", reply.StatusCode, body)
	}
	return nil
}

// sign adds the headers of a signature over the whole request. See "Signature Calculations for the Authorization Header:
// Transferring Payload in a Single Chunk" in the API reference of Amazon S3.
func (s S3) sign(r *http.Request, body []byte, now time.Time) {
	const stamp, day = "20060102T150405Z", "20060102"
	now = now.UTC()
	sum := sha256.Sum256(body)
	r.Header.Set("X-Amz-Date", now.Format(stamp))
	r.Header.Set("X-Amz-Content-Sha256", hex.EncodeToString(sum[:]))
	values := map[string]string{"host": r.URL.Host}
	names := []string{"host"}
	for name := range r.Header {
		lower := strings.ToLower(name)
		names = append(names, lower)
		values[lower] = strings.TrimSpace(r.Header.Get(name))
	}
	slices.Sort(names)
	var canonical strings.Builder
	fmt.Fprintf(&canonical, "%s\n%s\n%s\n", r.Method, r.URL.EscapedPath(), r.URL.Query().Encode())
	for _, name := range names {
		fmt.Fprintf(&canonical, "%s:%s\n", name, values[name])
	}
	signed := strings.Join(names, ";")
	fmt.Fprintf(&canonical, "\n%s\n%s", signed, r.Header.Get("X-Amz-Content-Sha256"))
	scope := strings.Join([]string{now.Format(day), s.Region, "s3", "aws4_request"}, "/")
	request := sha256.Sum256([]byte(canonical.String()))
	text := strings.Join([]string{"AWS4-HMAC-SHA256", now.Format(stamp), scope, hex.EncodeToString(request[:])}, "\n")
	key := []byte("AWS4" + s.SecretKey)
	for part := range strings.SplitSeq(scope, "/") {
		key = keyed(key, part)
	}
	r.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/%s,SignedHeaders=%s,Signature=%x", s.AccessKey, scope, signed, keyed(key, text)))
}

func keyed(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text)) // never fails
	return mac.Sum(nil)
}
