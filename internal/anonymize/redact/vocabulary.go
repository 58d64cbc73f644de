package redact

import "sync"

// Words that free text is full of, and that some people are called as well. One that the source's dictionary of names holds is
// taken for a name only where it is written as one: with a capital letter inside of a sentence, or beside another name. A word
// that names people more often than things (rose, grace, mark, bill) is not among them on purpose: it always goes.
const ordinaryWords = `
a able about above abuse access according account ache acid across act action active activity acute add added additional address
adequate administered admission admit admitted adult advice advise advised affect affected after afternoon again against age aged
agent ago agree agreed agrees aid air alcohol alert all allergic allergies allergy allow allowed almost alone along already also
although always am amount an analysis and anemia ankle annual another answer antibiotic antibiotics anxiety anxious any anyone anything
apparent appear appears appetite application applied apply appointment approach appropriate approved are area areas arm arms around
arrive arrived arthritis as aside ask asked asks aspirin assess assessed assessment assist associated asthma at attack attempt attend
attended available average avoid aware away b baby back bad balance bag base based baseline basic be became because become bed been before
began begin behavior behind being believe below benefit benefits benign beside best better between big bilateral billing biopsy birth bit
black bladder bleeding blood blue board body bone bones both bottom bowel brain breast breath breathing breaths bring broken brother
brought brown bruise build but by c calcium call called calls came can cancer cannot capsule card cardiac care careful case cases cause
caused causes cell cells center central certain change changed changes changing charge chart check checked chest chief child children
cholesterol chronic claim claims clean clear cleared clinic clinical clinician close closed cold collected color come comes comfort
comfortable common company complain complained complaint complaints complains complete completed completely complication concern concerned
concerns condition conditions confirmed confused congestion consent consider consistent constipation consult consultation contact
contacted continue continued continues control controlled cool copay copy correct cost cough could count counsel counseled county couple
course cover coverage covered cramps cream created critical crying culture current currently cut cyst d daily data date daughter day days
deal death decided decline declined decrease decreased deep deficit deficiency degree degrees delay delayed delivered denied denies deny
dental depression describe described describes despite detail details detected developed device diabetes diabetic diagnosed diagnosis
diarrhea did diet differ different difficult difficulty dinner direct discharge discharged discomfort discuss discussed disease disorder
distress dizziness dizzy do doctor document documentation documented does doing done dose doses down drainage draw drawn dress drink
drinking drinks drive driving drop drops drug drugs dry due duration during e each ear earlier early ears easily east eat eating edema education
effect effective effects eight either elbow elevated eleven eligible else emergency emotional employer encounter encouraged end ended
ends energy enough entire episode episodes error especially etc evaluate evaluated evaluation even evening event events ever every
everything evidence exam examination examined except excess exercise exercises existing expect expected explain explained exposure
extra extremity eye eyes face facility fact factor factors failed failure fair fall fallen falls family far fast fasting fat father fatigue
favor fax fear feel feeling feels feet fell felt female fever few field fifteen fifth fifty fight file filed fill filled final find finding
findings fine finger fingers first fit five flare flat flow flu fluid fluids focal focused follow followed following follows followup food
foot for force form forms forty forward found four fourth fracture free frequency frequent frequently from front full function further
future g gain gait gave general generalized generally get gets getting girl give given gives giving glucose go goal goals goes going gone
good got great green grew gross group grow growth guidelines h had hair half hand hands happen happened hard has have having he head headache
headaches health healthy hear heard hearing heart heat heavy height held help helped helpful her here herself high higher him himself hip
his history hit hold home hospital hot hour hours house household how however hundred hurt hurts husband hypertension i ibuprofen ice idea
if ill illness imaging immediate immediately immune impaired important impression improve improved improvement improving in inch inches
include includes including increase increased increasing independent index indicated infant infection inflammation information informed
initial injection injections injury inside insomnia instead instructed instructions insulin insurance intact intake interval interview into
iron irregular is issue issues it itching its itself job joint joints just keep keeps kept kidney kidneys kind knee knees knew know known knows
l lab labor laboratory labs lack large last late lateral later laying lead least leave leaves left leg legs length less lesion lesions let level
levels life lift light like likely limb limit limited line lip lipid liquid list listed little live liver lives living local located
location long longer look looked looking looks loose lose loss lost lot low lower lumbar lump lunch lung lungs m made main maintain major
make makes making male man manage management many mass match material maximum may me meals mean means measure measured medical medication
medications medicine meet member memory men mental mention mentioned message met method metformin mid middle might mild milk mind mine
minimal minor minute minutes miss missed missing mobile moderate moment money monitor monitoring month months mood more morning most mother
motion mouth move moved movement moving much mucus multiple muscle muscles must my n name nasal nausea near neck need needed needs negative nerve
nervous neuro never new next night nights nine no nodule noise non none nor normal normally north nose not note noted notes nothing notice
noticed notified now number numb numbness nurse nutrition o obese obesity obtained occasional occasionally occur occurred of off offered
office often oil ok okay old older on once one ongoing only onset open opened operation optimal option options or oral order ordered
orders organ other others our out outcome outpatient outside over overall own oxygen p pack page paid pain painful pains pale panel paper
part partial particular partner parts party pass passed past patch patient patients pay payer payment people per percent perform performed
period person personal pharmacy phone physical physician pick picked pill pills place placed plan plans play please plus point points poor
portal portion position positive possible possibly post potassium potential pounds practice pregnancy pregnant prepare prescribed
prescription presence present presented presenting presents pressure prevent previous previously primary prior private probable probably
problem problems procedure process profile progress prompt proper protein provide provided provider pulse pus put q quality question
questions quick quickly quit quite r raise raised range rapid rare rarely rash rate rather reach reached reaction read reading readings
ready real really reason recall receive received recent recently recheck recommend recommended record records recovery recurrent red
reduce reduced refer referral referred refill refills reflux refused regarding region regular regularly related release relief relieved
remain remained remains remember removed renal repeat replaced report reported reportedly reports request requested requests require
required requires rescheduled resolved respiratory respond response rest resting restricted result results return returned returns review
reviewed reviews rib right risk risks room rotation routine run running runs s safe safety said same sample saw say saying says scale scan
scar scared schedule scheduled school score screen screening seat second section sedation see seeing seek seem seems seen seizure self
send sense sensitive sensitivity sent separate series serious serum service services set seven several severe severity sex shall share
sharp she short shortly shot should shoulder shoulders show showed shows side sides sign signed significant significantly signs similar
simple since single sinus sister sit site sitting situation six sixty size skin sleep sleeping sleeps slept slight slightly slow slowly small
smoke smoker smokes smoking so social soft some someone something sometimes son soon sore sound sounds source south specialist specific
specimen spine spoke spot spouse stable staff stage stairs stand standard standing start started starting state stated states status stay
stayed step steps steroid still stomach stood stool stop stopped straight strain strength stress strong student study subjective such
sudden suddenly sugar suggest suggested summary supplement supplies supply support sure surgery surgical swallow swallowing sweat swelling
swollen symptom symptoms syndrome system systems t tab table tablet tablets take taken takes taking talk talked tell temperature ten tender
tenderness test tested testing tests than that the their them then therapy there these they thick thin thing things think third thirty
this those though thought three throat through throughout thyroid time times tired tissue to today toe together told tolerated tolerating
tomorrow too took top total touch toward trace transfer trauma travel treat treated treatment trial tried trouble true try trying tumor turn
turned twelve twenty twice two type types ulcer ultrasound unable unchanged under understand unit units unknown unless unlikely unremarkable
until up upon upper urgent urinary urine us use used useful uses using usual usually v vaccine value values various vein very via view viral
virus vision visit visits vital vitals vitamin voice vomiting w waist wait waiting wake walk walked walking walks want wanted wants warm
was wash watch water way we weak weakness week weekly weeks weight well went were west wet what wheezing when where which while white who
whole why wide wife will with within without woke woman women word work worked working works worried worry worse worsening would wound
wrist write written wrong x y year yearly years yellow yes yesterday yet you young your yourself z zero`

// Words that are before a name.
const (
	titleWords = "mr mrs ms miss mx dr prof professor rev reverend fr capt sgt lt col judge attorney señor señora sra hon mister dra"
	kinWords   = `wife husband spouse partner son daughter mother father mom dad mommy daddy mum sister brother aunt uncle niece nephew cousin
boyfriend girlfriend fiance fiancee guardian caregiver caretaker roommate neighbor friend grandmother grandfather grandma grandpa grandson
granddaughter stepmother stepfather stepson stepdaughter twin named name nurse physician pcp provider doctor therapist counselor supervisor
boss coworker teacher landlord patient pt attn cc mama papa esposo esposa hijo hija madre padre hermano hermana called nickname nicknamed alias`
	ageWords  = "age aged turned turning turns ages"
	bornWords = "born dob birth birthdate birthday birthyear b nacido nacida bd"
	yearWords = "year y yo yr yrs years yof yom yoa yoaa old anos ano"
	dateWords = `on since until till from by in before after during last next early mid late this of starting effective dated due seen dos
around about circa through thru ending start began end`
	amountWords = `tab tabs tablet tablets pill pills strength pain murmur cup cups pack packs ppd teaspoon tsp tablespoon tbsp dose doses mg mcg ml
systolic diastolic sem severity scale bilaterally throughout reflexes pulses motor power grip intensity capsule capsules inch inches oz hour hr hours lb lbs pounds kg g units days day weeks week months minutes min times puffs drops
percent mmhg bpm degrees x`
	stateWords = `al ak az ar ca co ct de fl ga hi id il in ia ks ky la me md ma mi mn ms mo mt ne nv nh nj nm ny nc nd oh ok or pa ri sc sd tn tx ut
vt va wa wv wi wy dc pr`
	stateNames = `alabama alaska arizona arkansas california colorado connecticut delaware florida hawaii idaho illinois indiana iowa kansas kentucky
louisiana maine maryland massachusetts michigan minnesota mississippi missouri montana nebraska nevada ohio oklahoma oregon pennsylvania tennessee
texas utah vermont virginia washington wisconsin wyoming`
	scaleWords  = "pain strength power grip murmur intensity severity reflexes pulses dtr dtrs motor headache discomfort"
	degreeWords = "md do rn np pa phd lcsw dds dmd dnp aprn cnm crna pharmd dpm lpc lmft lvn lpn mbbs facp fnp psyd"
	labelWords  = "mrn ssn acct account policy member subscriber beneficiary medicaid mbi hicn license licence lic dl dea npi plate serial vin udi passport"
	monthWords  = `january jan enero february feb febrero march mar marzo april apr abril may mayo june jun junio july jul julio august aug agosto
september sept sep septiembre october oct octubre november nov noviembre december dec diciembre febr ene abr ago dic
christmas xmas thanksgiving halloween easter hanukkah`
	weekdayWords = `monday mon tuesday tue tues wednesday wed thursday thu thur thurs friday fri saturday sat sunday sun`
)

var everyday = sync.OnceValue(vocabulary)

// Ordinary says whether a folded word is one that free text is full of, and that Text takes for a name only where it is
// written as one.
func Ordinary(word []byte) bool {
	k := keyOf(word)
	return everyday().get(k, k.hash())&ordinary != 0
}
