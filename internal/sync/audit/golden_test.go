package audit

const (
	goldenEntry = "b30a983bde2d548e2ebc4a226cc9eb01ce6d25277c30c5db654b716dc2326c59"
	goldenEmpty = "bb36dd8e8f5fe6256a9f0f5470150c78a80fba0fd8de87eabadea95408de85bb"
	goldenBlock = "e9e85e6545d75d25c86eb8d7661c50152debfe283ca2eaa0867db466c607745b"
)
