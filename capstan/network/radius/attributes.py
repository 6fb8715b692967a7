"""The attributes we know by name: number, name, type. Only what access routers send or understand.

Sources: RFC 2865, 2866, 2867, 2868, 2869, 3162, 4372, 4679, 4818, 4849, 5176, 6911; MikroTik manual "RADIUS Client";
doc/dictionary.chillispot and .coovachilli of CoovaChilli; WISPr 1.0 appendix; Cisco, Juniper and Huawei attribute
lists; RFC 2548 for Microsoft.
"""

# Types: string, octets, secret (never shown), integer, date, ipaddr, ipv6addr, ipv6prefix, ifid.

VENDORS = {
    0: "",
    9: "Cisco",
    311: "Microsoft",
    2011: "Huawei",
    3561: "ADSL-Forum",
    4874: "ERX",
    14122: "WISPr",
    14559: "ChilliSpot",
    14988: "Mikrotik",
}

STANDARD = """
1 User-Name string
2 User-Password secret
3 CHAP-Password secret
4 NAS-IP-Address ipaddr
5 NAS-Port integer
6 Service-Type integer
7 Framed-Protocol integer
8 Framed-IP-Address ipaddr
9 Framed-IP-Netmask ipaddr
10 Framed-Routing integer
11 Filter-Id string
12 Framed-MTU integer
13 Framed-Compression integer
14 Login-IP-Host ipaddr
15 Login-Service integer
16 Login-TCP-Port integer
18 Reply-Message string
19 Callback-Number string
20 Callback-Id string
22 Framed-Route string
24 State octets
25 Class octets
27 Session-Timeout integer
28 Idle-Timeout integer
29 Termination-Action integer
30 Called-Station-Id string
31 Calling-Station-Id string
32 NAS-Identifier string
33 Proxy-State octets
40 Acct-Status-Type integer
41 Acct-Delay-Time integer
42 Acct-Input-Octets integer
43 Acct-Output-Octets integer
44 Acct-Session-Id string
45 Acct-Authentic integer
46 Acct-Session-Time integer
47 Acct-Input-Packets integer
48 Acct-Output-Packets integer
49 Acct-Terminate-Cause integer
50 Acct-Multi-Session-Id string
51 Acct-Link-Count integer
52 Acct-Input-Gigawords integer
53 Acct-Output-Gigawords integer
55 Event-Timestamp date
56 Egress-VLANID integer
58 Egress-VLAN-Name string
60 CHAP-Challenge octets
61 NAS-Port-Type integer
62 Port-Limit integer
64 Tunnel-Type octets
65 Tunnel-Medium-Type octets
66 Tunnel-Client-Endpoint octets
67 Tunnel-Server-Endpoint octets
68 Acct-Tunnel-Connection string
69 Tunnel-Password secret
76 Prompt integer
77 Connect-Info string
79 EAP-Message octets
80 Message-Authenticator octets
81 Tunnel-Private-Group-Id octets
82 Tunnel-Assignment-Id octets
83 Tunnel-Preference octets
85 Acct-Interim-Interval integer
86 Acct-Tunnel-Packets-Lost integer
87 NAS-Port-Id string
88 Framed-Pool string
89 Chargeable-User-Identity octets
90 Tunnel-Client-Auth-Id octets
91 Tunnel-Server-Auth-Id octets
92 NAS-Filter-Rule string
95 NAS-IPv6-Address ipv6addr
96 Framed-Interface-Id ifid
97 Framed-IPv6-Prefix ipv6prefix
98 Login-IPv6-Host ipv6addr
99 Framed-IPv6-Route string
100 Framed-IPv6-Pool string
101 Error-Cause integer
123 Delegated-IPv6-Prefix ipv6prefix
126 Operator-Name string
144 DS-Lite-Tunnel-Name string
168 Framed-IPv6-Address ipv6addr
169 DNS-Server-IPv6-Address ipv6addr
170 Route-IPv6-Information ipv6prefix
171 Delegated-IPv6-Prefix-Pool string
172 Stateful-IPv6-Address-Pool string
227 Session-Octets-Limit integer
228 Octets-Direction integer
"""

MIKROTIK = """
1 Mikrotik-Recv-Limit integer
2 Mikrotik-Xmit-Limit integer
3 Mikrotik-Group string
4 Mikrotik-Wireless-Forward integer
8 Mikrotik-Rate-Limit string
9 Mikrotik-Realm string
10 Mikrotik-Host-IP ipaddr
11 Mikrotik-Mark-Id string
12 Mikrotik-Advertise-URL string
13 Mikrotik-Advertise-Interval integer
14 Mikrotik-Recv-Limit-Gigawords integer
15 Mikrotik-Xmit-Limit-Gigawords integer
17 Mikrotik-Total-Limit integer
18 Mikrotik-Total-Limit-Gigawords integer
19 Mikrotik-Address-List string
21 Mikrotik-Wireless-Comment string
22 Mikrotik-Delegated-IPv6-Pool string
23 Mikrotik-DHCP-Option-Set string
24 Mikrotik-DHCP-Option-Param-STR1 string
25 Mikrotik-DHCP-Option-Param-STR2 string
26 Mikrotik-Wireless-VLANID integer
27 Mikrotik-Wireless-VLANID-Type integer
28 Mikrotik-Wireless-Minsignal string
29 Mikrotik-Wireless-Maxsignal string
30 Mikrotik-Switching-Filter string
"""

CHILLISPOT = """
1 ChilliSpot-Max-Input-Octets integer
2 ChilliSpot-Max-Output-Octets integer
3 ChilliSpot-Max-Total-Octets integer
4 ChilliSpot-Bandwidth-Max-Up integer
5 ChilliSpot-Bandwidth-Max-Down integer
6 ChilliSpot-Config string
7 ChilliSpot-Lang string
8 ChilliSpot-Version string
9 ChilliSpot-OriginalURL string
21 ChilliSpot-Max-Input-Gigawords integer
22 ChilliSpot-Max-Output-Gigawords integer
23 ChilliSpot-Max-Total-Gigawords integer
80 ChilliSpot-Garden-Input-Octets integer
81 ChilliSpot-Garden-Output-Octets integer
82 ChilliSpot-Garden-Input-Gigawords integer
83 ChilliSpot-Garden-Output-Gigawords integer
100 ChilliSpot-UAM-Allowed string
101 ChilliSpot-MAC-Allowed string
102 ChilliSpot-Interval integer
"""

WISPR = """
1 WISPr-Location-ID string
2 WISPr-Location-Name string
3 WISPr-Logoff-URL string
4 WISPr-Redirection-URL string
5 WISPr-Bandwidth-Min-Up integer
6 WISPr-Bandwidth-Min-Down integer
7 WISPr-Bandwidth-Max-Up integer
8 WISPr-Bandwidth-Max-Down integer
9 WISPr-Session-Terminate-Time string
10 WISPr-Session-Terminate-End-Of-Day string
11 WISPr-Billing-Class-Of-Service string
"""

CISCO = """
1 Cisco-AVPair string
2 Cisco-NAS-Port string
37 Cisco-Policy-Up string
38 Cisco-Policy-Down string
47 Cisco-DHCP-User-Class string
48 Cisco-DHCP-Vendor-Class string
51 Cisco-Service-Name string
52 Cisco-Parent-Session-Id string
55 Cisco-Sub-QoS-Pol-In string
56 Cisco-Sub-QoS-Pol-Out string
57 Cisco-In-ACL string
58 Cisco-Out-ACL string
60 Cisco-Sub-Activate-Service string
61 Cisco-IPv6-In-ACL string
62 Cisco-IPv6-Out-ACL string
63 Cisco-Sub-Deactivate-Service string
65 Cisco-DHCP-Subscriber-Id string
195 Cisco-Disconnect-Cause integer
250 Cisco-Account-Info string
251 Cisco-Service-Info string
252 Cisco-Command-Code string
253 Cisco-Control-Info string
"""

JUNIPER = """
1 ERX-Virtual-Router-Name string
2 ERX-Address-Pool-Name string
3 ERX-Local-Loopback-Interface string
4 ERX-Primary-Dns ipaddr
5 ERX-Secondary-Dns ipaddr
10 ERX-Ingress-Policy-Name string
11 ERX-Egress-Policy-Name string
12 ERX-Ingress-Statistics integer
13 ERX-Egress-Statistics integer
22 ERX-Sa-Validate integer
23 ERX-Igmp-Enable integer
24 ERX-Pppoe-Description string
26 ERX-Qos-Profile-Name string
42 ERX-Input-Gigapkts integer
43 ERX-Output-Gigapkts integer
45 ERX-IpV6-Virtual-Router string
46 ERX-IpV6-Local-Interface string
47 ERX-Ipv6-Primary-Dns ipv6addr
48 ERX-Ipv6-Secondary-Dns ipv6addr
49 Sdx-Service-Name string
50 Sdx-Session-Volume-Quota string
53 ERX-Service-Description string
55 ERX-Dhcp-Options octets
56 ERX-Dhcp-Mac-Addr string
57 ERX-Dhcp-Gi-Address ipaddr
62 ERX-MLPPP-Bundle-Name string
63 ERX-Interface-Desc string
83 ERX-Service-Session string
106 ERX-IPv6-Ingress-Policy-Name string
107 ERX-IPv6-Egress-Policy-Name string
110 ERX-Acc-Loop-Cir-Id string
112 ERX-Acc-Aggr-Cir-Id-Asc string
113 ERX-Act-Data-Rate-Up integer
114 ERX-Act-Data-Rate-Dn integer
127 ERX-DSL-Line-State integer
128 ERX-DSL-Type integer
129 ERX-IPv6-NdRa-Prefix ipv6prefix
130 ERX-Qos-Set-Name string
"""

HUAWEI = """
1 Huawei-Input-Burst-Size integer
2 Huawei-Input-Average-Rate integer
3 Huawei-Input-Peak-Rate integer
4 Huawei-Output-Burst-Size integer
5 Huawei-Output-Average-Rate integer
6 Huawei-Output-Peak-Rate integer
15 Huawei-Remanent-Volume integer
17 Huawei-ISP-ID string
22 Huawei-Priority integer
26 Huawei-Connect-ID integer
27 Huawei-PortalURL string
31 Huawei-Qos-Profile-Name string
59 Huawei-Startup-Stamp integer
60 Huawei-IPHost-Addr string
61 Huawei-Up-Priority integer
62 Huawei-Down-Priority integer
63 Huawei-Tunnel-VPN-Instance string
72 Huawei-Subnet-Mask ipaddr
73 Huawei-Gateway-Address ipaddr
74 Huawei-Lease-Time integer
77 Huawei-Input-Peak-Burst-Size integer
78 Huawei-Output-Peak-Burst-Size integer
82 Huawei-Data-Filter string
85 Huawei-Portal-Mode integer
86 Huawei-DPI-Policy-Name string
87 Huawei-Policy-Route ipaddr
88 Huawei-Framed-Pool string
91 Huawei-Queue-Profile string
94 Huawei-VPN-Instance string
95 Huawei-Policy-Name string
135 Huawei-Primary-DNS ipaddr
136 Huawei-Secondary-DNS ipaddr
138 Huawei-Domain-Name string
140 Huawei-HTTP-Redirect-URL string
144 Huawei-Acct-IPv6-Input-Octets integer
145 Huawei-Acct-IPv6-Output-Octets integer
148 Huawei-Acct-IPv6-Input-Gigawords integer
149 Huawei-Acct-IPv6-Output-Gigawords integer
153 Huawei-User-Mac string
154 Huawei-DNS-Server-IPv6-Address ipv6addr
157 Huawei-Framed-Pool-Group string
158 Huawei-Framed-IPv6-Address ipv6addr
160 Huawei-NAT-Policy-Name string
161 Huawei-NAT-Public-Address ipaddr
162 Huawei-NAT-Start-Port integer
163 Huawei-NAT-End-Port integer
"""

MICROSOFT = """
1 MS-CHAP-Response secret
2 MS-CHAP-Error string
7 MS-MPPE-Encryption-Policy integer
8 MS-MPPE-Encryption-Types integer
10 MS-CHAP-Domain string
11 MS-CHAP-Challenge octets
12 MS-CHAP-MPPE-Keys secret
16 MS-MPPE-Send-Key secret
17 MS-MPPE-Recv-Key secret
18 MS-RAS-Version string
25 MS-CHAP2-Response secret
26 MS-CHAP2-Success octets
28 MS-Primary-DNS-Server ipaddr
29 MS-Secondary-DNS-Server ipaddr
30 MS-Primary-NBNS-Server ipaddr
31 MS-Secondary-NBNS-Server ipaddr
34 MS-RAS-Client-Name string
35 MS-RAS-Client-Version string
"""

ADSL_FORUM = """
1 ADSL-Agent-Circuit-Id octets
2 ADSL-Agent-Remote-Id octets
129 Actual-Data-Rate-Upstream integer
130 Actual-Data-Rate-Downstream integer
133 Attainable-Data-Rate-Upstream integer
134 Attainable-Data-Rate-Downstream integer
144 Access-Loop-Encapsulation octets
"""

# Named numbers, for reading and for writing.
VALUES = {
    "Service-Type": {1: "Login-User", 2: "Framed-User", 10: "Call-Check", 17: "Authorize-Only"},
    "Framed-Protocol": {1: "PPP"},
    "Termination-Action": {0: "Default", 1: "RADIUS-Request"},
    "Acct-Status-Type": {
        1: "Start",
        2: "Stop",
        3: "Interim-Update",
        7: "Accounting-On",
        8: "Accounting-Off",
        15: "Failed",
    },
    "Acct-Authentic": {1: "RADIUS", 2: "Local", 3: "Remote", 4: "Diameter"},
    "Acct-Terminate-Cause": {
        1: "User-Request",
        2: "Lost-Carrier",
        3: "Lost-Service",
        4: "Idle-Timeout",
        5: "Session-Timeout",
        6: "Admin-Reset",
        7: "Admin-Reboot",
        8: "Port-Error",
        9: "NAS-Error",
        10: "NAS-Request",
        11: "NAS-Reboot",
        12: "Port-Unneeded",
        13: "Port-Preempted",
        14: "Port-Suspended",
        15: "Service-Unavailable",
        16: "Callback",
        17: "User-Error",
        18: "Host-Request",
    },
    "NAS-Port-Type": {
        0: "Async",
        5: "Virtual",
        15: "Ethernet",
        16: "xDSL",
        17: "Cable",
        18: "Wireless-Other",
        19: "Wireless-802.11",
        32: "PPPoEoE",
        33: "PPPoEoVLAN",
        34: "PPPoEoQinQ",
    },
}

TABLES = {
    0: STANDARD,
    9: CISCO,
    311: MICROSOFT,
    2011: HUAWEI,
    3561: ADSL_FORUM,
    4874: JUNIPER,
    14122: WISPR,
    14559: CHILLISPOT,
    14988: MIKROTIK,
}
