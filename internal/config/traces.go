package config

import "net/url"

// Traces says where spans go.
type Traces struct {
	OTLP string `yaml:"otlp"` // URL of a collector's endpoint for traces, such as http://127.0.0.1:4318/v1/traces; "": nowhere
}

func (s section) traces(t Traces) {
	if t.OTLP == "" {
		return
	}
	u, err := url.Parse(t.OTLP)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		s.bad("traces.otlp", "want the URL of a collector's endpoint for traces, without credentials, for example http://127.0.0.1:4318/v1/traces")
	}
}
