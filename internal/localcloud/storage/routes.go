package storage

import (
	"net/http"

	"github.com/feel-august/terraform-provider-august/internal/localcloud/gapi"
)

// Register mounts the API where Google's has it: metadata, and content on its way up and down.
func (f *Face) Register(mux *http.ServeMux) {
	const (
		base    = "/storage/v1/b"
		one     = base + "/{bucket}"
		objects = one + "/o"
		object  = objects + "/{object}"
	)
	for route, h := range map[string]gapi.Handler{
		"POST " + base: f.insertBucket,
		"GET " + base:  f.listBuckets,

		"GET " + one:                           f.getBucket,
		"GET " + one + "/storageLayout":        f.getLayout,
		"GET " + one + "/managedFolders":       f.listFolders,
		"PATCH " + one:                         f.patchBucket,
		"PUT " + one:                           f.updateBucket,
		"DELETE " + one:                        f.removeBucket,
		"POST " + one + "/lockRetentionPolicy": f.lockRetention,
		"GET " + one + "/iam":                  f.getPolicy,
		"PUT " + one + "/iam":                  f.setPolicy,
		"GET " + one + "/iam/testPermissions":  f.testPermissions,
		one + "/acl":                           noACL,
		one + "/acl/{entity}":                  noACL,
		one + "/defaultObjectAcl":              noACL,
		one + "/defaultObjectAcl/{entity}":     noACL,
		object + "/acl":                        noACL,
		object + "/acl/{entity}":               noACL,
		"POST " + objects:                      wrongURL,
		"GET " + objects:                       f.listObjects,
		"PATCH " + object:                      f.patchObject,
		"PUT " + object:                        f.updateObject,
		"DELETE " + object:                     f.removeObject,
		"POST " + object + "/compose":          f.composeObject,
		"POST " + object + "/copyTo/b/{toBucket}/o/{toObject}":    f.copyObject,
		"POST " + object + "/rewriteTo/b/{toBucket}/o/{toObject}": f.rewriteObject,
	} {
		mux.Handle(route, h)
	}
	mux.HandleFunc("GET "+object, f.getObject)
	mux.HandleFunc("GET /download"+object, f.getObject)
	// Without a method: other routes have none, and are more exact.
	mux.HandleFunc("/{bucket}/{object...}", f.getByPath)
	for _, uploads := range []string{"/upload" + objects, "/resumable/upload" + objects} {
		mux.HandleFunc("POST "+uploads, f.post)
		mux.HandleFunc("PUT "+uploads, f.resume)
		mux.HandleFunc("DELETE "+uploads, f.resume)
	}
}

// post begins an upload, or goes on with one: some clients send pieces so.
func (f *Face) post(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Has("upload_id") {
		f.resume(w, r)
		return
	}
	f.upload(w, r)
}
