"""Made-up people and firms of the demo provider. Any likeness to somebody real is chance."""

# Given name, language its bearer reads (BCP 47).
GIVEN_NAMES = (
    ("Thandi", "zu"), ("Sipho", "zu"), ("Nomvula", "zu"), ("Bheki", "zu"), ("Zanele", "zu"), ("Mandla", "zu"),
    ("Ayanda", "xh"), ("Lwazi", "xh"), ("Nosipho", "xh"), ("Andile", "xh"), ("Unathi", "xh"), ("Themba", "xh"),
    ("Lerato", "st"), ("Tshepo", "st"), ("Palesa", "st"), ("Thabo", "st"), ("Dineo", "st"), ("Kagiso", "tn"),
    ("Anneke", "af"), ("Pieter", "af"), ("Riaan", "af"), ("Marietjie", "af"), ("Johan", "af"), ("Elsabe", "af"),
    ("Charl", "af"), ("Sunette", "af"), ("Priya", "en"), ("Rajesh", "en"), ("Kavitha", "en"), ("Yusuf", "en"),
    ("Fatima", "en"), ("Imraan", "en"), ("Aaliyah", "en"), ("Grace", "en"), ("Daniel", "en"), ("Megan", "en"),
    ("Oliver", "en"), ("Hannah", "en"), ("Joshua", "en"), ("Ruth", "en"), ("Samuel", "en"), ("Chloe", "en"),
    ("João", "pt"), ("Inês", "pt"), ("Paulo", "pt"), ("Marta", "pt"), ("Amina", "fr"), ("Étienne", "fr"),
    ("Claire", "fr"), ("Moussa", "fr"), ("Wei", "en"), ("Mei", "en"), ("Dimitri", "en"), ("Eleni", "en"),
    ("Tendai", "en"), ("Rudo", "en"), ("Chipo", "en"), ("Kudzai", "en"), ("Björn", "de"), ("Heike", "de"),
)  # fmt: skip

SURNAMES = (
    "Mokoena", "Dlamini", "Khumalo", "Ndlovu", "Mthembu", "Zulu", "Sithole", "Mahlangu", "Nkosi", "Mabaso",
    "Mbeki", "Sokhela", "Molefe", "Motaung", "Tladi", "Phiri", "Banda", "Moyo", "Chikore", "Marufu",
    "van der Merwe", "Botha", "Pretorius", "Steyn", "Coetzee", "du Toit", "Fourie", "Visagie", "le Roux", "Nel",
    "Naidoo", "Pillay", "Govender", "Moodley", "Reddy", "Chetty", "Patel", "Khan", "Ebrahim", "Adams",
    "Jacobs", "Isaacs", "Abrahams", "Petersen", "October", "September", "Arendse", "Daniels", "Hendricks", "Fortuin",
    "Smith", "Walker", "Bennett", "O'Connor", "Fraser", "Hughes", "Ferreira", "da Silva", "Lopes", "Teixeira",
    "Diallo", "Traoré", "Lefèvre", "Okafor", "Adeyemi", "Papadakis", "Zhang", "Lin", "Schröder", "Keller",
)  # fmt: skip

COMPANIES = (
    "Aloe Ridge Guest House", "Blue Crane Accountants", "Copper Kettle Coffee", "Drakenstein Dental Rooms",
    "Eastcliff Primary School", "Fynbos Physiotherapy", "Granite Peak Engineering", "Harbour Light Attorneys",
    "Ironwood Joinery", "Jacaranda Veterinary Clinic", "Kingfisher Freight", "Lemon Tree Catering",
    "Milkwood Estate Agents", "Nightjar Film Studio", "Oystercatcher Boatyard", "Protea Crescent Pharmacy",
)  # fmt: skip
