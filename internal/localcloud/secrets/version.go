package secrets

import (
	"fmt"
	"hash/crc32"
	"net/http"
	"slices"

	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"google.golang.org/protobuf/proto"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// maxPayload is Secret Manager's limit.
const maxPayload = 64 << 10

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(data []byte) int64 { return int64(crc32.Checksum(data, castagnoli)) }

func (f *Face) addVersion(r *http.Request, name string) (any, error) {
	req := &secretmanagerpb.AddSecretVersionRequest{}
	if err := read(r, req); err != nil {
		return nil, err
	}
	data := req.GetPayload().GetData()
	if len(data) == 0 {
		return nil, gapi.Invalid("Secret Payload cannot be empty.")
	}
	if len(data) > maxPayload {
		return nil, gapi.Invalid("The length of the secret payload must be at most %d bytes.", maxPayload)
	}
	if sum := req.GetPayload().DataCrc32C; sum != nil && *sum != checksum(data) {
		return nil, gapi.Invalid("The checksum of the secret payload does not match its data.")
	}

	f.mu.Lock()
	defer f.mu.Unlock()
	s, err := f.secret(name)
	if err != nil {
		return nil, err
	}
	meta := &secretmanagerpb.SecretVersion{
		Name:              fmt.Sprintf("%s/versions/%d", name, len(s.versions)+1),
		CreateTime:        now(),
		State:             secretmanagerpb.SecretVersion_ENABLED,
		Etag:              newEtag(),
		ReplicationStatus: replicationStatus(s.meta.GetReplication()),
		// gcloud fails unless it reads here that its checksum was checked.
		ClientSpecifiedPayloadChecksum: req.GetPayload().DataCrc32C != nil,
	}
	s.versions = append(s.versions, &version{meta: meta, data: data})
	if err := f.save(); err != nil {
		s.versions = s.versions[:len(s.versions)-1]
		return nil, err
	}
	return gapi.Answer(r, meta)
}

func replicationStatus(rep *secretmanagerpb.Replication) *secretmanagerpb.ReplicationStatus {
	um := rep.GetUserManaged()
	if um == nil {
		return &secretmanagerpb.ReplicationStatus{ReplicationStatus: &secretmanagerpb.ReplicationStatus_Automatic{
			Automatic: &secretmanagerpb.ReplicationStatus_AutomaticStatus{},
		}}
	}
	status := &secretmanagerpb.ReplicationStatus_UserManagedStatus{}
	for _, replica := range um.GetReplicas() {
		status.Replicas = append(status.Replicas,
			&secretmanagerpb.ReplicationStatus_UserManagedStatus_ReplicaStatus{Location: replica.GetLocation()})
	}
	return &secretmanagerpb.ReplicationStatus{ReplicationStatus: &secretmanagerpb.ReplicationStatus_UserManaged{UserManaged: status}}
}

func (f *Face) describeVersion(r *http.Request, name, number string) (any, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	v, err := f.version(name, number)
	if err != nil {
		return nil, err
	}
	return gapi.Answer(r, v.meta)
}

func (f *Face) access(r *http.Request, name, number string) (any, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	v, err := f.version(name, number)
	if err != nil {
		return nil, err
	}
	if err := v.readable(); err != nil {
		return nil, err
	}
	return gapi.Answer(r, &secretmanagerpb.AccessSecretVersionResponse{
		Name:    v.meta.GetName(),
		Payload: &secretmanagerpb.SecretPayload{Data: v.data, DataCrc32C: proto.Int64(checksum(v.data))},
	})
}

// listVersions answers newest first.
func (f *Face) listVersions(r *http.Request) (any, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, err := f.secret(secretName(r, r.PathValue("secret")))
	if err != nil {
		return nil, err
	}
	match, err := filter(r.URL.Query().Get("filter"))
	if err != nil {
		return nil, err
	}
	var all []*secretmanagerpb.SecretVersion
	for _, v := range slices.Backward(s.versions) {
		if match(func(field string) (string, bool) { return versionField(v.meta, field) }) {
			all = append(all, v.meta)
		}
	}
	cut, next, err := gapi.PageOf(r, all)
	if err != nil {
		return nil, err
	}
	return gapi.Answer(r, &secretmanagerpb.ListSecretVersionsResponse{Versions: cut, NextPageToken: next, TotalSize: int32(len(all))}) //nolint:gosec // a count
}

func versionField(v *secretmanagerpb.SecretVersion, field string) (string, bool) {
	switch field {
	case "state":
		return v.GetState().String(), true
	case "name":
		return v.GetName(), true
	}
	return "", false
}

// setState does :enable, :disable and :destroy. Doing again what holds already is no error; what was
// destroyed stays destroyed.
func (f *Face) setState(r *http.Request, name, number, verb string) (any, error) {
	// All three requests have the same two fields.
	req := &secretmanagerpb.DestroySecretVersionRequest{}
	if err := read(r, req); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	v, err := f.version(name, number)
	if err != nil {
		return nil, err
	}
	if err := checkEtag(req.GetEtag(), v.meta.GetEtag()); err != nil {
		return nil, err
	}
	if v.meta.GetState() == secretmanagerpb.SecretVersion_DESTROYED {
		return nil, gapi.Precondition("Secret Version [%s] is in DESTROYED state.", v.meta.GetName())
	}
	switch verb {
	case "enable":
		v.meta.State = secretmanagerpb.SecretVersion_ENABLED
	case "disable":
		v.meta.State = secretmanagerpb.SecretVersion_DISABLED
	case "destroy":
		v.meta.State = secretmanagerpb.SecretVersion_DESTROYED
		v.meta.DestroyTime = now()
		v.data = nil
	}
	v.meta.Etag = newEtag()
	if err := f.save(); err != nil {
		return nil, err
	}
	return gapi.Answer(r, v.meta)
}
